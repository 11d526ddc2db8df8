import { fromBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it, test, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeadLetterSchema,
  DeliveryEventSchema,
  NotificationPrioritizedSchema,
  NotificationRequestedSchema,
  ScheduledSchema,
  UsedTemplateSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { bytes, type Trial, trial } from "../../test/fakes/stage.ts";
import { orderPaid, type TemplatesRoom, templatesRoom } from "../../test/fakes/templates.ts";
import { routerOf } from "./stage.fixture.ts";

let at: Trial;
let room: TemplatesRoom;

beforeEach(async () => {
  at = trial(topics.all);
  room = await templatesRoom(at.clock);
  await room.publish("t", orderPaid());
  await at.run(routerOf(at.clock, { versions: versionsOf({ client: room.client, clock: at.clock }) }));
});
afterEach(async () => {
  await at.end();
  await room.close();
});

/** As another program writes it: JSON, without an id. */
const write = (template: unknown, more: object = {}) =>
  at.log.append([
    { topic: topics.raw, key: "development/ann", value: bytes(JSON.stringify({ recipients: [{ userId: "ann" }], template, ...more })) },
  ]);
const prioritized = async () => (await at.records(topics.medium)).map(({ value }) => fromBinary(NotificationPrioritizedSchema, value));
const data = { order: { total: 5 } };

it("pins the live version of a template that another program names, and tells the tracker which", async () => {
  await write({ name: "t", data, locale: "pt" });
  await vi.waitFor(async () => expect(await prioritized()).toHaveLength(1));
  const [there] = await prioritized();
  expect(there).toMatchObject({ locale: "pt", wordedChannels: [Channel.EMAIL, Channel.WEB] });
  expect(fromBinary(UsedTemplateSchema, there?.template ?? new Uint8Array())).toMatchObject({ name: "t", version: 1, data });
  const [event] = (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
  expect(fromBinary(NotificationRequestedSchema, event?.requested ?? new Uint8Array()).template?.version).toBe(1);
});

it("leaves a version that is pinned as it is, also when another one is live, or none", async () => {
  await room.publish("t", orderPaid());
  await room.templates.archive({ name: "t" });
  await write({ name: "t", data, version: 1 });
  await vi.waitFor(async () => expect(await prioritized()).toHaveLength(1));
  expect(fromBinary(UsedTemplateSchema, (await prioritized())[0]?.template ?? new Uint8Array()).version).toBe(1);
});

it("parks what is to be sent later with the version that is live when it is asked, whatever becomes of the template until then", async () => {
  await write({ name: "t", data }, { send_at_ms: String(at.clock.nowMs() + 60_000) });
  await vi.waitFor(async () => expect(await at.records(topics.schedule)).toHaveLength(1));
  await room.publish("t", orderPaid());
  await room.templates.archive({ name: "t" });
  await at.clock.advance(60_000);
  const parked = (await at.records(topics.schedule)).map(({ value }) => fromBinary(ScheduledSchema, value));
  await at.log.append(parked.map(({ key, value }) => ({ topic: topics.due, key, value })));
  await vi.waitFor(async () => expect(await prioritized()).toHaveLength(1));
  expect(fromBinary(UsedTemplateSchema, (await prioritized())[0]?.template ?? new Uint8Array()).version).toBe(1);
});

test.each([
  ["an unknown template", { name: "who", data }, {}, "template.name: "],
  ["a version that is not there", { name: "t", data, version: 9 }, {}, "template.name: "],
  ["data that does not fit", { name: "t", data: { order: {} } }, {}, "template.data.order.total: is missing"],
  ["a locale that is none", { name: "t", data, locale: "no locale" }, {}, "template.locale: "],
  ["words of two kinds", { name: "t", data }, { content: { title: "Hi" } }, "template: cannot stand beside content"],
])("buries %s, with the reason, and goes on", async (_what, template, more, detail) => {
  await write(template, more);
  await write({ name: "t", data });
  await vi.waitFor(async () => expect(await prioritized()).toHaveLength(1));
  const letters = (await at.records(topics.deadNotifications)).map(({ value }) => fromBinary(DeadLetterSchema, value));
  expect(letters).toMatchObject([{ reason: "invalid", detail: expect.stringContaining(detail) }]);
});

it("waits for templates that cannot be read just now, and buries nothing", async () => {
  const { version } = room.store;
  let asked = 0;
  Object.assign(room.store, {
    version: () => {
      asked++;
      return Promise.reject(new Error("the disk is away"));
    },
  });
  await write({ name: "t", data });
  await vi.waitFor(async () => {
    await at.clock.advance(1_000);
    expect(asked).toBeGreaterThan(5);
  });
  Object.assign(room.store, { version });
  await vi.waitFor(async () => {
    await at.clock.advance(1_000);
    expect(await prioritized()).toHaveLength(1);
  });
  expect(await at.records(topics.deadNotifications)).toEqual([]);
});
