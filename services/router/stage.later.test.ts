import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import {
  DeadLetterSchema,
  DeliveryEventSchema,
  NotificationPrioritizedSchema,
  type NotificationRequested,
  NotificationRequestedSchema,
  ScheduledSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { bytes, type Trial, trial } from "../../test/fakes/stage.ts";
import { routerOf } from "./stage.fixture.ts";

type Init = Exclude<MessageInitShape<typeof NotificationRequestedSchema>, NotificationRequested>;

const ID = "0192f0c1-2345-7abc-8def-0123456789ab";
const DAY_MS = 24 * 3_600_000;

describe("the router, with what is to be sent later", () => {
  let at: Trial;
  beforeEach(async () => {
    at = trial(topics.all);
    await at.run(routerOf(at.clock));
  });
  afterEach(() => at.end());

  const settled = () => vi.waitFor(async () => expect(await at.log.lag("router", [topics.raw, topics.due])).toBe(0));
  const ask = async (...inits: Init[]) => {
    const nowMs = at.clock.nowMs();
    const requests = inits.map((init) =>
      create(NotificationRequestedSchema, {
        ...{ notificationId: ID, recipients: [{ userId: "ann" }], content: { title: "Paid" } },
        ...{ acceptedAtMs: BigInt(nowMs), expiresAtMs: BigInt(nowMs + DAY_MS) },
        ...init,
      }),
    );
    const headers = { "content-type": "application/protobuf" };
    const value = (each: NotificationRequested) => toBinary(NotificationRequestedSchema, each);
    await at.log.append(requests.map((each) => ({ topic: topics.raw, key: "some key", value: value(each), headers })));
    await settled();
  };
  const write = async (json: string) => {
    await at.log.append([{ topic: topics.raw, key: "some key", value: bytes(json) }]);
    await settled();
  };
  const prioritized = async () => (await at.records(topics.medium)).map(({ value }) => fromBinary(NotificationPrioritizedSchema, value));
  const events = async () => (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
  const requests = async () => (await events()).map(({ requested }) => fromBinary(NotificationRequestedSchema, requested));
  const letters = async () => (await at.records(topics.deadNotifications)).map(({ value }) => fromBinary(DeadLetterSchema, value));
  const parked = async () => (await at.records(topics.schedule)).map(({ key, value }) => ({ ...fromBinary(ScheduledSchema, value), key }));
  const later = (ms: number): Init => ({ sendAtMs: BigInt(at.clock.nowMs() + ms), expiresAtMs: BigInt(at.clock.nowMs() + ms + DAY_MS) });
  /** What the scheduler does once it is due. */
  const due = async () => {
    const outputs = (await parked()).map(({ key, value }) => ({ topic: topics.due, key, value }));
    await at.log.append(outputs);
    await settled();
  };

  it("parks it whole, once however many it is for, and tells the tracker at once", async () => {
    await ask({ ...later(DAY_MS), recipients: [{ userId: "ann" }, { userId: "bo" }] });
    expect([await prioritized(), await letters()]).toEqual([[], []]);
    expect((await requests())[0]).toMatchObject({ notificationId: ID, sendAtMs: BigInt(at.clock.nowMs() + DAY_MS) });
    const [one, ...more] = await parked();
    expect(more).toEqual([]);
    expect(one).toMatchObject({ key: "development/ann", topic: "notifications.due", dueAtMs: BigInt(at.clock.nowMs() + DAY_MS) });
  });

  it("parks it under the same id when its record comes again", async () => {
    await ask(later(DAY_MS), later(DAY_MS));
    expect(new Set((await parked()).map(({ id }) => id)).size).toBe(1);
  });

  it("routes it when it is due, to everybody it is for, and tells the tracker nothing new", async () => {
    await ask({ ...later(DAY_MS), recipients: [{ userId: "ann" }, { userId: "bo" }] });
    await at.clock.advance(DAY_MS);
    await due();
    expect((await prioritized()).map(({ userId }) => userId).sort()).toEqual(["ann", "bo"]);
    expect(new Set((await events()).map(({ eventId }) => eventId)).size).toBe(1);
    expect(await parked()).toHaveLength(1);
  });

  it("routes it also when the clock was set back since it fell due", async () => {
    await ask(later(60_000));
    await at.clock.advance(60_000);
    at.clock.set(-3_600_000);
    await due();
    expect(await prioritized()).toHaveLength(1);
    expect(await parked()).toHaveLength(1);
  });

  it("routes at once what has no such time, or one that has passed", async () => {
    await ask({ sendAtMs: 0n }, { sendAtMs: BigInt(at.clock.nowMs()) });
    expect(await parked()).toEqual([]);
    expect(await prioritized()).toHaveLength(2);
  });

  it("counts what expires from then, where a writer left it open", async () => {
    await write(`{"recipients":[{"userId":"ann"}],"content":{"title":"Later"},"send_at_ms":"${at.clock.nowMs() + 30 * DAY_MS}"}`);
    expect((await requests())[0]?.expiresAtMs).toBe(BigInt(at.clock.nowMs() + 33 * DAY_MS));
  });

  it.each([
    ["more than 180 days ahead", 181 * DAY_MS, 182 * DAY_MS, "send_at_ms: must be at most 180 days after accepted_at_ms"],
    ["after it expires", 2 * DAY_MS, DAY_MS, "expires_at_ms: must be after send_at_ms"],
    ["with a week to live", DAY_MS, 8 * DAY_MS, "expires_at_ms: must be at most 6 days after send_at_ms or, without one, accepted_at_ms"],
  ])("buries one %s", async (_what, sendMs, expireMs, detail) => {
    const nowMs = at.clock.nowMs();
    await ask({ acceptedAtMs: BigInt(nowMs), sendAtMs: BigInt(nowMs + sendMs), expiresAtMs: BigInt(nowMs + expireMs) });
    expect((await letters()).map((letter) => letter.detail)).toEqual([detail]);
    expect(await parked()).toEqual([]);
  });
});
