import { create, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it, test } from "vitest";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { UsedTemplateSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";
import { orderPaid, type TemplatesRoom, templatesRoom } from "../../test/fakes/templates.ts";

const { here, run, put, deliveryOf, events, until, letters } = deliveries();

let room: TemplatesRoom;
beforeEach(async () => {
  room = await templatesRoom(here.at.clock);
});
afterEach(() => room.close());

const data = { name: "Ann", order: { total: 5 } };
const templated = (id: string, more: { name?: string; version?: number; data?: object; locale?: string } = {}) => {
  const { locale = "", ...used } = { name: "t", version: 1, data, ...more };
  const template = toBinary(UsedTemplateSchema, create(UsedTemplateSchema, used as { name: string }));
  return deliveryOf(id, { content: new Uint8Array(), template, locale });
};

it("a delivery is rendered with the version that was pinned, in the locale that was decided", async () => {
  await room.publish("t", orderPaid());
  await room.publish("t", { defaultLocale: "en", contents: [{ channel: Channel.EMAIL, locale: "en", title: "Newer" }] });
  await run({ client: room.client });
  await put(templated("a", { locale: "pt-BR" }), templated("b"));
  await Promise.all([until("a", DeliveryStatus.SENT), until("b", DeliveryStatus.SENT)]);
  const raw = (id: string) => here.server.mails.find(({ to }) => to === `${id}@example.test`)?.raw ?? "";
  expect(raw("a")).toMatch(/^Subject: Pago: 5\r?$/m);
  expect(raw("a")).toContain("<p>Obrigado, Ann.</p>");
  expect(raw("b")).toMatch(/^Subject: Paid: 5\r?$/m);
});

test.each([
  ["a version that is not there", { version: 7 }, 'template "t" version 7: there is no such published version'],
  ["data that cannot be shown", { data: { name: {} } }, 'template "t" version 1: body, line 1, column 14: name is an object'],
])("%s ends in a dead letter that says why, and the next delivery goes out", async (_what, more, detail) => {
  await room.publish("t", orderPaid());
  await run({ client: room.client });
  await put(templated("a", more));
  await put(templated("b"));
  await Promise.all([until("a", DeliveryStatus.DEAD), until("b", DeliveryStatus.SENT)]);
  expect(await letters()).toMatchObject([{ reason: "render_failed", detail: expect.stringContaining(detail) }]);
  expect((await events("a")).at(-1)).toMatchObject({ reason: "render_failed", detail: expect.stringContaining(detail), attempt: 0 });
});

it("a replay whose template is gone dies again, as a dead letter of its own cycle, and the lane goes on", async () => {
  await room.publish("t", orderPaid());
  await run({ client: room.client });
  const gone = templated("a", { name: "gone" });
  await put({ ...gone, cycle: 2 });
  await put(templated("b"));
  await Promise.all([until("a", DeliveryStatus.DEAD), until("b", DeliveryStatus.SENT)]);
  const detail = 'template "gone" version 1: there is no such published version';
  expect(await letters()).toMatchObject([
    { reason: "render_failed", detail, way: { hops: [{ cycle: 2, reason: "render_failed", detail }] } },
  ]);
  expect((await events("a")).at(-1)).toMatchObject({ cycle: 2, reason: "render_failed", detail });
});

it("what is no template at all ends in a dead letter too", async () => {
  await run({ client: room.client });
  await put(deliveryOf("a", { template: new Uint8Array([255]) }));
  await until("a", DeliveryStatus.DEAD);
  expect(await letters()).toMatchObject([{ reason: "undecodable" }]);
});
