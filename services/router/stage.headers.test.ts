import { create, fromBinary, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import type { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeadLetterSchema,
  NotificationPrioritizedSchema,
  type NotificationRequested,
  NotificationRequestedSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { bytes, type Trial, trial } from "../../test/fakes/stage.ts";
import { routerOf } from "./stage.fixture.ts";

type Init = Exclude<MessageInitShape<typeof NotificationRequestedSchema>, NotificationRequested>;

const DAY_MS = 24 * 3_600_000;
const asProtobuf = { "content-type": "application/protobuf" };

let at: Trial;
beforeEach(async () => {
  at = trial(topics.all);
  await at.run(routerOf(at.clock));
});
afterEach(() => at.end());

const notification = (init: Init = {}): NotificationRequested =>
  create(NotificationRequestedSchema, { recipients: [{ userId: "ann" }], content: { title: "Paid" }, ...init });

/** Appends a record as it is, waits until the router has settled it. */
async function put(record: { value: Uint8Array; headers?: Record<string, string> }): Promise<void> {
  await at.log.append([{ topic: topics.raw, key: "some key", ...record }]);
  await vi.waitFor(async () => expect(await at.log.lag("router", [topics.raw])).toBe(0));
}
const prioritized = async () => (await at.records(topics.medium)).map(({ value }) => fromBinary(NotificationPrioritizedSchema, value));
const letters = async () => (await at.records(topics.deadNotifications)).map(({ value }) => fromBinary(DeadLetterSchema, value));

it("buries what claims an acceptance that is no time, lets a broken trace be, and goes on", async () => {
  const json = toJsonString(NotificationRequestedSchema, notification());
  await put({ value: bytes(json), headers: { "carillon-accepted-at": "yesterday" } });
  await put({ value: bytes(json), headers: { traceparent: "00-zz", tracestate: "\u0000" } });
  expect((await letters()).map(({ reason, detail }) => [reason, detail])).toEqual([
    ["invalid", "carillon-accepted-at: must be epoch milliseconds, or left out"],
  ]);
  expect(await prioritized()).toHaveLength(1);
});

it("takes a record for as old as its header says, where its body does not say so", async () => {
  const nowMs = at.clock.nowMs();
  const headers = { "carillon-accepted-at": String(nowMs - DAY_MS) };
  await put({ value: bytes('{"user_id":"ann","event_type":"a"}'), headers });
  await put({ value: bytes(toJsonString(NotificationRequestedSchema, notification({ acceptedAtMs: BigInt(nowMs) }))), headers });
  const ages = (await prioritized()).map(({ acceptedAtMs }) => nowMs - Number(acceptedAtMs));
  expect(ages.sort((one, other) => one - other)).toEqual([0, DAY_MS]);
});

it("buries a channel of a newer version, by name, and goes on", async () => {
  const value = toBinary(NotificationRequestedSchema, notification({ channels: [99 as number as Channel] }));
  await put({ value, headers: asProtobuf });
  await at.log.append([{ topic: topics.due, key: "development/ann", value }]);
  await put({ value: bytes(toJsonString(NotificationRequestedSchema, notification())) });
  await vi.waitFor(async () => expect(await letters()).toHaveLength(2));
  const buried = (await letters()).map(({ topic, reason, detail }) => [topic, reason, detail]).sort();
  expect(buried).toEqual([
    ["notifications.due", "newer_schema", expect.stringContaining("channels = 99")],
    ["notifications.raw", "invalid", expect.stringContaining("channels[0]: ")],
  ]);
  expect(await prioritized()).toHaveLength(1);
});
