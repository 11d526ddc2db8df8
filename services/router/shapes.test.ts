import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { notificationName, partName, rawEventName } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeadLetterSchema,
  DeliveryEventSchema,
  NotificationPrioritizedSchema,
  NotificationRequestedSchema,
  ScheduledSchema,
  UsedTemplateSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { versionsOf } from "#platform/render/versions.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { bytes, type Trial, trial } from "../../test/fakes/stage.ts";
import { orderPaid, templatesRoom } from "../../test/fakes/templates.ts";
import { admit } from "./admission.ts";
import { Refusal } from "./refusal.ts";
import { destinations, routerOf } from "./stage.fixture.ts";

const ID = "0192f0c1-2345-7abc-8def-0123456789ab";
const DAY_MS = 24 * 3_600_000;

let at: Trial;
beforeEach(() => {
  at = trial(topics.all);
});
afterEach(() => at.end());

/** The first record waits for the contract's rules to be compiled. */
const settled = () => vi.waitFor(async () => expect(await at.log.lag("router", [topics.raw])).toBe(0), { timeout: 10_000, interval: 10 });
async function write(...records: (object | string | Uint8Array)[]): Promise<void> {
  const value = (body: object | string) => bytes(typeof body === "string" ? body : JSON.stringify(body));
  await at.log.append(
    records.map((body) => ({ topic: topics.raw, key: "some key", value: body instanceof Uint8Array ? body : value(body) })),
  );
  await settled();
}
const lanes = [topics.high, topics.medium, topics.low];
const prioritized = async () =>
  (await Promise.all(lanes.map((lane) => at.records(lane)))).flat().map(({ value }) => {
    const one = fromBinary(NotificationPrioritizedSchema, value);
    return { ...one, words: fromBinary(ContentSchema, one.content) };
  });
const events = async () => (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
const requests = async () => (await events()).map(({ requested }) => fromBinary(NotificationRequestedSchema, requested));
const letters = async () => (await at.records(topics.deadNotifications)).map(({ value }) => fromBinary(DeadLetterSchema, value));
const details = async () => (await letters()).map(({ detail }) => detail);
const place = async () => {
  const [record] = await at.records(topics.raw);
  return uuidv5(rawEventName("notifications.raw", record?.partition as number, record?.offset as number, record?.timeMs as number));
};

describe("the flat event", () => {
  beforeEach(() => at.run(routerOf(at.clock)));

  it("becomes a notification to the person, with a title made of what happened, and its data kept with it", async () => {
    await write({ event_type: "post.liked", user_id: "ann", actor: "bo", data: { post: "p1" } });
    expect(await requests()).toMatchObject([
      {
        notificationId: await place(),
        recipients: [{ userId: "ann", email: "" }],
        actor: "bo",
        metadata: { post: "p1" },
        category: "post",
      },
    ]);
    expect(await prioritized()).toMatchObject([
      { userId: "ann", environment: "development", eventType: "post.liked", words: { title: "Post liked", body: "" } },
    ]);
  });

  it("takes what POST /api/v1/notifications takes, in its words", async () => {
    await write({
      ...{ user_id: 7, event_type: "invoice.paid", content: "Thank you.", title: "Paid", category: "billing", actor: 8 },
      ...{ channels: ["email", "web"], priority: "high", metadata: { invoice: 7 }, environment: "development" },
    });
    expect(await prioritized()).toMatchObject([
      {
        ...{ userId: "7", actor: "8", category: "billing", channels: [Channel.EMAIL, Channel.WEB], priority: Priority.HIGH },
        words: { title: "Paid", body: "Thank you." },
      },
    ]);
    expect((await requests())[0]?.metadata).toEqual({ invoice: 7 });
  });

  it("waits for its send_at, and goes at once where that has passed", async () => {
    const dueAtMs = at.clock.nowMs() + DAY_MS;
    await write({ user_id: "ann", event_type: "a", send_at: new Date(dueAtMs).toISOString() });
    expect((await at.records(topics.schedule)).map(({ value }) => fromBinary(ScheduledSchema, value).dueAtMs)).toEqual([BigInt(dueAtMs)]);
    await write({ user_id: "ann", event_type: "b", send_at: "1969-07-20T20:17:40Z" });
    expect(await prioritized()).toMatchObject([{ eventType: "b" }]);
  });

  it("has the id that Send would have made of its idempotency key, so that both are one notification", async () => {
    await write({ user_id: "ann", event_type: "a", idempotency_key: "k" }, { user_id: "ann", event_type: "a", notification_id: ID });
    expect((await requests()).map(({ notificationId }) => notificationId).sort()).toEqual(
      [ID, uuidv5(notificationName("development", "k"))].sort(),
    );
  });

  it.each([
    ["no user_id", { event_type: "a", data: {} }, "user_id: is missing"],
    ["no event_type", { user_id: "ann" }, "event_type: is missing"],
    ["a misspelt user_id", { event_type: "a", userid: "ann", data: {} }, 'userid: unknown field; did you mean "user_id"?'],
    ["a misspelt user_id and nothing else of the shape", { event_type: "a", userid: "ann", notification_id: ID }, "user_id: is missing"],
    ["a user_id that is none", { user_id: "a b", event_type: "a" }, "user_id: "],
    ["an unknown field", { user_id: "ann", event_type: "a", chanels: ["web"] }, 'chanels: unknown field; did you mean "channels"?'],
    ["an unknown channel", { user_id: "ann", event_type: "a", channels: ["pigeon"] }, "channels[0]: must be one of email, web"],
    [
      "an unknown priority",
      { user_id: "ann", event_type: "a", priority: "hihg" },
      'priority: must be one of low, medium, high, critical; did you mean "high"?',
    ],
    ["words of another shape", { user_id: "ann", event_type: "a", content: { title: "A" } }, "content: must be a string"],
    ["a title of two lines", { user_id: "ann", event_type: "a", title: "A\nB" }, "title: must be one line"],
    ["a bad event_type", { user_id: "ann", event_type: "a b" }, "event_type: "],
    ["data that is no object", { user_id: "ann", event_type: "a", data: "p1" }, "data: must be an object"],
    ["data that is too much", { user_id: "ann", event_type: "a", data: { a: "x".repeat(20_000) } }, "data: must be at most 16 KiB"],
    ["data beside metadata", { user_id: "ann", event_type: "a", data: {}, metadata: {} }, "data: cannot stand beside metadata"],
    [
      "data for the template twice",
      { user_id: "ann", event_type: "a", data: {}, template: { name: "t", data: {} } },
      "data: cannot stand beside template.data",
    ],
    ["two names", { user_id: "ann", event_type: "a", idempotency_key: "k", notification_id: ID }, "idempotency_key: cannot stand beside"],
    ["a time without an offset", { user_id: "ann", event_type: "a", send_at: "tomorrow" }, "send_at: must be a time with its offset"],
    ["a time too far off", { user_id: "ann", event_type: "a", send_at: "2199-01-01T00:00:00Z" }, "send_at: must be at most 180 days"],
    ["another environment", { user_id: "ann", event_type: "a", environment: "production" }, 'environment: must be "development"'],
  ])("is buried with the field where it has %s", async (_, body, words) => {
    await write(body);
    expect(await details()).toEqual([expect.stringContaining(words)]);
    expect((await letters())[0]?.reason).toBe("invalid");
    expect(await prioritized()).toEqual([]);
  });

  it("that is refused tells whoever knows its id", async () => {
    await write({ user_id: "ann", notification_id: ID }, { user_id: "ann", idempotency_key: "k" });
    const told = (await events()).map(({ notificationId, detail }) => [notificationId, detail]);
    expect(told.sort()).toEqual(
      [
        [ID, "event_type: is missing"],
        [uuidv5(notificationName("development", "k")), "event_type: is missing"],
      ].sort(),
    );
  });
});

it("the flat event's data fills in the template that it names", async () => {
  const room = await templatesRoom(at.clock);
  await room.publish("t", orderPaid());
  await at.run(routerOf(at.clock, { versions: versionsOf({ client: room.client, clock: at.clock }) }));
  const data = { order: { total: 5 } };
  await write({ user_id: "ann", event_type: "a", template: { name: "t" }, data, metadata: { kept: true } });
  await vi.waitFor(async () => expect(await prioritized()).toHaveLength(1));
  const [one] = await prioritized();
  expect(fromBinary(UsedTemplateSchema, one?.template as Uint8Array)).toMatchObject({ name: "t", version: 1, data });
  expect((await requests())[0]?.metadata).toEqual({ kept: true });
  await room.close();
});

it("a message to everybody is refused where there is no destination for it", async () => {
  await at.run(routerOf(at.clock, { destinations: [] }));
  await write({ message: "The build is green" });
  expect(await details()).toEqual(["message: would go nowhere: CARILLON_BROADCAST_DESTINATIONS is not set here"]);
});

describe("a message to everybody", () => {
  beforeEach(() => at.run(routerOf(at.clock)));

  it("goes to every destination, as a notification of its own each", async () => {
    await write({ message: "The build is green" });
    const whole = await place();
    const words = { title: "Broadcast", body: "The build is green" };
    const found = (await prioritized()).toSorted((one, other) => one.email.localeCompare(other.email));
    expect(found).toMatchObject([
      { userId: "ann", channels: [Channel.WEB], eventType: "broadcast", notificationId: uuidv5(partName(whole, 1)), words },
      { email: "everyone@example.test", channels: [Channel.EMAIL], notificationId: uuidv5(partName(whole, 0)), words },
    ]);
    expect(await requests()).toHaveLength(2);
  });

  it("takes a title and a time, and has the ids that POST /notify makes of the key", async () => {
    await write({ message: "M", title: "T", idempotency_key: "k", send_at: new Date(at.clock.nowMs() + DAY_MS).toISOString() });
    const ids = (await requests()).map(({ notificationId, content }) => [notificationId, content?.title]);
    expect(ids.sort()).toEqual([0, 1].map((index) => [uuidv5(notificationName("development", `k/${index}`)), "T"]).sort());
    expect(await at.records(topics.schedule)).toHaveLength(2);
  });

  it("makes the same ids again when the same dead letter of it is replayed twice", async () => {
    await write({ message: "M", notification_id: ID }, { message: "M", notification_id: ID });
    const ids = (await requests()).map(({ notificationId }) => notificationId);
    expect([ids.length, new Set(ids).size]).toEqual([4, 2]);
  });

  it.each([
    ["nothing in it", { message: " " }, "message: must not be blank"],
    ["something else than text", { message: { text: "M" } }, "message: must be a string"],
    ["a person", { message: "M", user_id: "ann" }, "user_id: unknown field"],
    ["a title of two lines", { message: "M", title: "A\nB" }, "title: must be one line"],
    ["an id that is none", { message: "M", notification_id: "42" }, "notification_id: must be a UUID"],
    ["another environment", { message: "M", environment: "staging" }, 'environment: must be "development"'],
    ["too much in it", { message: "x".repeat(300_000) }, "message: the whole notification must be at most 256 KiB"],
  ])("goes to nobody where it has %s", async (_, body, words) => {
    await write(body);
    expect(await details()).toEqual([expect.stringContaining(words)]);
    expect(await prioritized()).toEqual([]);
  });
});

describe("whatever a stranger writes", () => {
  const names = [
    ...["user_id", "userId", "event_type", "eventType", "actor", "data", "message", "title", "content", "template", "category", "channels"],
    ...["priority", "metadata", "send_at", "sendAtMs", "idempotency_key", "notification_id", "environment", "recipients", "expires_at_ms"],
    ...["accepted_at_ms", "__proto__", "constructor", "toString", "email", "name", "locale", "body"],
  ];
  const near = fc.constantFrom<unknown>(
    ...["ann", "", " ", "development", "post.liked", "web", "CHANNEL_WEB", "high", ID, "2026-11-22T09:00:00Z", "\ud800", "a\u0000b", null],
    ...[
      0,
      -1,
      1e308,
      2 ** 53,
      1_712_319_780_000,
      [],
      {},
      ["web"],
      [{ userId: "ann" }],
      [{ email: "a@b.test" }],
      { title: "T" },
      { name: "t" },
    ],
  );
  const value: fc.Arbitrary<unknown> = fc.oneof(
    { maxDepth: 4 },
    near,
    fc.jsonValue({ maxDepth: 3 }),
    fc.dictionary(fc.constantFrom(...names), near),
  );
  const right = fc.constantFrom<Record<string, unknown>>(
    ...[{}, { message: "M" }, { user_id: "ann", event_type: "a" }, { recipients: [{ userId: "ann" }], content: { title: "T" } }],
  );
  const more = fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 4 });
  const object = fc.tuple(right, more).map(([base, entries]) => {
    // As text, so that a name may come twice, and __proto__ is one like any other.
    const members = [...Object.entries(base), ...entries].map(([name, each]) => `${JSON.stringify(name)}:${JSON.stringify(each)}`);
    return bytes(`{${members.join(",")}}`);
  });
  const body = fc.oneof(
    { arbitrary: object, weight: 6 },
    { arbitrary: fc.json().map(bytes), weight: 1 },
    fc.uint8Array({ maxLength: 200 }),
  );
  const header = fc.constantFrom(
    {},
    {},
    {},
    { "content-type": "application/json" },
    { "content-type": "application/protobuf" },
    {
      "content-type": "",
    },
  );
  const record = fc.record({ value: body, headers: header, key: fc.string() });

  it("is let in or refused in words, whatever time and place it has", () => {
    const times = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: 1_600_000_000_000, max: 1_900_000_000_000 }));
    const place = fc.record({ partition: fc.nat(), offset: fc.maxSafeNat(), timeMs: times });
    fc.assert(
      fc.property(record, place, (written, where) => {
        const answer = admit({ topic: topics.raw, ...written, ...where }, { environment: "development" }, destinations);
        if (answer instanceof Refusal) expect(answer.detail).not.toBe("");
        // Whoever is next reads it back.
        else
          for (const { asked, requested } of answer)
            expect(fromBinary(NotificationRequestedSchema, requested)).toMatchObject({ notificationId: asked.notificationId });
      }),
      { numRuns: 3_000 },
    );
  });

  it("is asked for or buried, and what comes behind it goes on", async () => {
    // A template may be among what they write.
    const room = await templatesRoom(at.clock);
    onTestFinished(() => room.close());
    await at.run(routerOf(at.clock, { versions: versionsOf({ client: room.client, clock: at.clock }) }));
    let written = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 20, maxLength: 60 }), async (records) => {
        await at.log.append(records.map((each) => ({ topic: topics.raw, ...each })));
        written += records.length;
        await settled();
      }),
      { numRuns: 60 },
    );
    await write({ user_id: "ann", event_type: "the.last" });
    expect(await prioritized()).toContainEqual(expect.objectContaining({ eventType: "the.last" }));
    const buried = await letters();
    // A record that fails its stage has been tried many times: somebody's lane stood still meanwhile.
    expect(new Set(buried.map(({ reason }) => reason))).toEqual(new Set(["invalid", "undecodable"]));
    expect(buried.map(({ detail }) => detail)).not.toContainEqual(expect.stringMatching(/TypeError|RangeError|undefined|\[object/));
    const taken = new Set((await requests()).map(({ notificationId }) => notificationId));
    expect(taken.size).toBeGreaterThan(20);
    expect(buried.length).toBeGreaterThan(written / 4);
  });
});
