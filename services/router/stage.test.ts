import { create, fromBinary, type JsonObject, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { notificationEventName, rawEventName } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeadLetterSchema,
  DeliveryEventSchema,
  Moment,
  NotificationPrioritizedSchema,
  type NotificationRequested,
  NotificationRequestedSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { ListNotificationsResponseSchema } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { LogRecord } from "#platform/log/log.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { bytes, type Trial, trial } from "../../test/fakes/stage.ts";
import { routerOf } from "./stage.fixture.ts";

type Init = Exclude<MessageInitShape<typeof NotificationRequestedSchema>, NotificationRequested>;

const ID = "0192f0c1-2345-7abc-8def-0123456789ab";
const DAY_MS = 24 * 3_600_000;
const nested = (depth: number): JsonObject => (depth === 0 ? {} : { in: nested(depth - 1) });
const asProtobuf = { "content-type": "application/protobuf" };

describe("what the runner gives up on in the router", () => {
  const clock = fakeClock();
  const { givenUp } = routerOf(clock);
  const value = toBinary(NotificationRequestedSchema, create(NotificationRequestedSchema, { notificationId: ID }));
  const recordOf = (more: Partial<LogRecord>): LogRecord => ({
    ...{ topic: topics.raw, partition: 0, offset: 0, timeMs: clock.nowMs(), key: "k", value, headers: asProtobuf, ...more },
  });
  const told = (record: LogRecord, read?: Parameters<NonNullable<typeof givenUp>>[1]) =>
    givenUp?.(record, read, "stage_failed", "why").map(({ topic, key, value }) => [topic, key, fromBinary(DeliveryEventSchema, value)]);
  const refusal = [
    topics.deliveryEvents,
    `development/${ID}`,
    create(DeliveryEventSchema, {
      ...{ eventId: uuidv5(notificationEventName(ID, "", "refused")), moment: Moment.REFUSED, reason: "stage_failed", detail: "why" },
      ...{ notificationId: ID, environment: "development", atMs: BigInt(clock.nowMs()) },
    }),
  ];

  it("is refused as a whole where its id is known: read, let in before, or found in what cannot be read", () => {
    const asked = create(NotificationRequestedSchema, { notificationId: ID });
    expect(told(recordOf({}), [{ asked, requested: value }])).toEqual([refusal]);
    expect(told(recordOf({}))).toEqual([refusal]);
    expect(told(recordOf({ topic: topics.due, key: "development/ann", headers: {} }))).toEqual([refusal]);
  });

  it("is only buried where it is not", () => {
    expect(told(recordOf({ headers: {} }))).toEqual([]);
    expect(told(recordOf({ topic: topics.due, value: Uint8Array.of(0xff) }))).toEqual([]);
  });

  it("comes with a dead letter on the log", async () => {
    const at = trial(topics.all);
    await at.run(routerOf(at.clock));
    const cut = Uint8Array.of(...value, 0x22, 1, 0xff);
    await at.log.append([{ topic: topics.due, key: "k", value: cut }]);
    await vi.waitFor(async () => expect(await at.records(topics.deadNotifications)).toHaveLength(1));
    const events = (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
    expect(events).toMatchObject([{ moment: Moment.REFUSED, notificationId: ID, reason: "undecodable" }]);
    await at.end();
  });
});

describe("the router", () => {
  let at: Trial;
  beforeEach(async () => {
    at = trial(topics.all);
    await at.run(routerOf(at.clock));
  });
  afterEach(() => at.end());

  const notification = (init: Init = {}): NotificationRequested =>
    create(NotificationRequestedSchema, {
      ...{ notificationId: ID, environment: "development", recipients: [{ userId: "ann" }], eventType: "order.paid", category: "order" },
      content: { title: "Paid", body: "Thank you." },
      acceptedAtMs: BigInt(at.clock.nowMs() - 5),
      expiresAtMs: BigInt(at.clock.nowMs() + DAY_MS),
      ...init,
    });
  /** Appends records as they are, waits until the router has settled them. */
  async function put(...records: { value: Uint8Array; key?: string; headers?: Record<string, string> }[]): Promise<void> {
    await at.log.append(records.map((each) => ({ topic: topics.raw, key: "some key", ...each })));
    await vi.waitFor(async () => expect(await at.log.lag("router", [topics.raw])).toBe(0));
  }
  const ask = (...inits: Init[]) =>
    put(...inits.map((init) => ({ value: toBinary(NotificationRequestedSchema, notification(init)), headers: asProtobuf })));
  const write = (json: string, headers: Record<string, string> = {}) => put({ value: bytes(json), headers });

  const prioritized = async (lane: topics.Topic = topics.medium) =>
    (await at.records(lane)).map(({ key, value }) => ({ ...fromBinary(NotificationPrioritizedSchema, value), key }));
  const events = async () => (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
  const requests = async () => (await events()).map(({ requested }) => fromBinary(NotificationRequestedSchema, requested));
  const letters = async () => (await at.records(topics.deadNotifications)).map(({ value }) => fromBinary(DeadLetterSchema, value));
  const counts = async () => {
    const all = [topics.high, topics.medium, topics.low, topics.deliveryEvents, topics.deadNotifications];
    return Promise.all(all.map(async (topic) => (await at.records(topic)).length));
  };

  describe("with what it understands", () => {
    it("makes one prioritised notification a recipient, each under their own key, and tells the tracker once", async () => {
      const recipients = [{ userId: "ann", email: "once@example.test" }, { userId: "bo" }, { email: "cy@example.test" }];
      await ask({ recipients, actor: "dee", channels: [Channel.EMAIL] });
      const address = recipientWord({ userId: "", email: "cy@example.test" }, uuidv5);
      const found = await prioritized();
      expect(Object.fromEntries(found.map(({ key, userId, email }) => [key, [userId, email]]))).toEqual({
        "development/ann": ["ann", "once@example.test"],
        "development/bo": ["bo", ""],
        [`development/${address}`]: ["", "cy@example.test"],
      });
      for (const each of found) {
        expect(each).toMatchObject({ notificationId: ID, environment: "development", actor: "dee", channels: [Channel.EMAIL] });
        expect(each).toMatchObject({ eventType: "order.paid", category: "order", priority: Priority.MEDIUM });
        expect(fromBinary(ContentSchema, each.content)).toMatchObject({ title: "Paid", body: "Thank you." });
      }
      expect(await counts()).toEqual([0, 3, 0, 1, 0]);
      expect((await events())[0]).toMatchObject({
        eventId: uuidv5(notificationEventName(ID, "", "requested")),
        moment: Moment.REQUESTED,
        notificationId: ID,
        environment: "development",
        atMs: BigInt(at.clock.nowMs()),
      });
    });

    it("passes a whole request on byte for byte, also what it does not know in it", async () => {
      const unknownField = [0xfa, 0x3f, 1, 7];
      const value = Uint8Array.of(...unknownField, ...toBinary(NotificationRequestedSchema, notification()));
      await put({ value, headers: asProtobuf });
      const [event] = await events();
      expect(event?.requested).toEqual(value);
      expect(await counts()).toEqual([0, 1, 0, 1, 0]);
    });

    it("reads content that a writer gave in two pieces as Protobuf says, as one", async () => {
      const first = toBinary(NotificationRequestedSchema, notification({ content: { title: "Paid" } }));
      const second = toBinary(NotificationRequestedSchema, create(NotificationRequestedSchema, { content: { body: "Thank you." } }));
      await put({ value: Uint8Array.of(...first, ...second), headers: asProtobuf });
      const [one] = await prioritized();
      expect(fromBinary(ContentSchema, one?.content as Uint8Array)).toMatchObject({ title: "Paid", body: "Thank you." });
    });

    it.each([{}, { "content-type": "application/json" }, { "content-type": "Application/JSON; charset=utf-8" }])(
      "reads JSON where the header is %j",
      async (headers) => {
        await write(toJsonString(NotificationRequestedSchema, notification({ metadata: { order: { id: 7 } } })), headers);
        expect(await prioritized()).toHaveLength(1);
        expect(await requests()).toEqual([notification({ metadata: { order: { id: 7 } } })]);
      },
    );

    it("fills in what a writer left open, and tells it so", async () => {
      await write('{"recipients":[{"email":"Ann@Example.TEST"}],"event_type":"post.liked","content":{"title":"Liked"}}');
      const [record] = (await at.records(topics.raw)) as [LogRecord];
      const nowMs = BigInt(at.clock.nowMs());
      const settled = {
        notificationId: uuidv5(rawEventName("notifications.raw", record.partition, record.offset, record.timeMs)),
        environment: "development",
        category: "post",
        acceptedAtMs: nowMs,
        expiresAtMs: nowMs + 3n * BigInt(DAY_MS),
      };
      expect((await requests())[0]).toMatchObject({ ...settled, recipients: [{ userId: "", email: "Ann@example.test" }] });
      expect((await prioritized())[0]).toMatchObject({ ...settled, email: "Ann@example.test" });
    });

    it.each([
      ["asked for", { priority: Priority.HIGH, eventType: "newsletter.sent" }, topics.high, Priority.HIGH],
      ["asked for as critical", { priority: Priority.CRITICAL }, topics.high, Priority.CRITICAL],
      ["asked for as low", { priority: Priority.LOW, eventType: "security.login" }, topics.low, Priority.LOW],
      ["told by the words", { eventType: "security.login", category: "" }, topics.high, Priority.CRITICAL],
      ["told by the words of bulk", { eventType: "newsletter.sent", category: "" }, topics.low, Priority.LOW],
      ["said by nothing", {}, topics.medium, Priority.MEDIUM],
    ] as const)("chooses the lane by the priority: %s", async (_, init, lane, priority) => {
      await ask(init);
      const [one] = await prioritized(lane);
      expect(one?.priority).toBe(priority);
      expect((await counts()).slice(0, 3).reduce((sum, each) => sum + each)).toBe(1);
    });

    it("sends once to a person or an address that is named twice", async () => {
      await ask({ recipients: [{ userId: "ann" }, { userId: "ann" }, { email: "bo@example.test" }, { email: "BO@example.test" }] });
      expect((await prioritized()).map(({ key }) => key)).toHaveLength(2);
    });

    it("makes the same ids again when a record is read again, also for one that came without an id", async () => {
      await ask({});
      await write('{"recipients":[{"userId":"ann"}],"content":{"title":"Again"}}');
      await write(`{"notificationId":"${ID}","recipients":[],"content":{"title":"Again"}}`);
      const ids = async () => ({
        events: (await events()).map(({ eventId }) => eventId).sort(),
        notifications: (await prioritized()).map(({ key, notificationId }) => [key, notificationId]).sort(),
        letters: (await letters()).map(({ id }) => id),
      });
      const before = await ids();
      await at.clock.advance(60_000);
      await at.run({
        ...routerOf(at.clock),
        name: "router-again",
      });
      await vi.waitFor(async () => expect(await at.log.lag("router-again", [topics.raw])).toBe(0));
      const after = await ids();
      expect(after.events).toEqual(before.events.flatMap((id) => [id, id]));
      expect(after.notifications).toEqual(before.notifications.flatMap((each) => [each, each]));
      expect(new Set(before.events).size).toBe(3);
    });

    it("keeps the order of a person's notifications, whatever keys their writer gave", async () => {
      const titles = Array.from({ length: 50 }, (_, n) => `${n}`);
      await put(
        ...titles.map((title) => ({
          key: "development/writer",
          value: toBinary(NotificationRequestedSchema, notification({ notificationId: "", content: { title } })),
          headers: asProtobuf,
        })),
      );
      expect((await prioritized()).map(({ content }) => fromBinary(ContentSchema, content).title)).toEqual(titles);
    });

    it("makes its own keys, so that no writer's key can grow into what no log takes", async () => {
      await put({ key: "x".repeat(100_000), value: toBinary(NotificationRequestedSchema, notification()), headers: asProtobuf });
      const keys = [...(await at.records(topics.deliveryEvents)), ...(await at.records(topics.medium))].map(({ key }) => key);
      expect(keys).toEqual(["development/ann", "development/ann"]);
    });

    it("lets in metadata that is as deep as it may be, and everybody behind can read it", async () => {
      const deep = nested(23);
      await write(`{"recipients":[{"userId":"ann"}],"content":{"title":"Deep"},"metadata":${JSON.stringify(deep)}}`);
      const [request] = await requests();
      expect(request?.metadata).toEqual(deep);
      const page = create(ListNotificationsResponseSchema, { notifications: [{ metadata: deep }] });
      expect(fromBinary(ListNotificationsResponseSchema, toBinary(ListNotificationsResponseSchema, page))).toEqual(page);
    });

    it("lets in what has expired, so that the decision can say so", async () => {
      await ask({ expiresAtMs: BigInt(at.clock.nowMs() - 1) });
      expect(await counts()).toEqual([0, 1, 0, 1, 0]);
    });
  });

  describe("with what breaks a rule", () => {
    const long = (length: number) => "x".repeat(length);
    const broken: [string, Init, string][] = [
      ["no recipient", { recipients: [] }, "recipients: "],
      [
        "a recipient who is nobody",
        { recipients: [{ userId: "ann" }, {}] },
        "recipients[1]: a recipient needs a user_id, an email, or both",
      ],
      ["a user_id over 128 characters", { recipients: [{ userId: long(129) }] }, "recipients[0].user_id: "],
      ["a user_id that could be taken for an address", { recipients: [{ userId: "~ann" }] }, "recipients[0].user_id: "],
      ["a user_id with a line break", { recipients: [{ userId: "an\nn" }] }, "recipients[0].user_id: "],
      ["an email that is none", { recipients: [{ email: "ann" }] }, "recipients[0].email: must be one email address"],
      ["an email that only its grammar refuses", { recipients: [{ email: "ann@x.1" }] }, "recipients[0].email: must be one email address"],
      ["an email with a line break", { recipients: [{ email: "a@b.test\r\nBcc: c@d.test" }] }, "recipients[0].email: "],
      ["no content", { content: undefined as never }, "content: "],
      ["empty content", { content: {} }, "content: needs a title, a body or html"],
      ["a title of two lines", { content: { title: "Paid\r\nBcc: mallory@example.test" } }, "content.title: must be one line"],
      ["a title over 512 characters", { content: { title: long(513) } }, "content.title: "],
      ["an unknown channel", { channels: [9 as Channel] }, "channels[0]: "],
      ["an unknown priority", { priority: 9 as Priority }, "priority: "],
      ["an event type of other signs", { eventType: "order paid" }, "event_type: "],
      ["a category of other signs", { category: "*" }, "category: "],
      ["an actor over 128 characters", { actor: long(129) }, "actor: "],
      ["another environment", { environment: "production" }, 'environment: must be "development"'],
      ["seconds for milliseconds", { acceptedAtMs: 1_712_319_780n }, "accepted_at_ms: must be epoch milliseconds"],
      ["an expiry in seconds", { expiresAtMs: 1_712_319_780n }, "expires_at_ms: must be epoch milliseconds"],
      ["a time to come", { acceptedAtMs: 8_000_000_000_000n, expiresAtMs: 0n }, "accepted_at_ms: must not be later than the record"],
      ["an expiry beyond the log's memory", { expiresAtMs: 8_000_000_000_000n }, "expires_at_ms: must be at most 6 days after"],
      ["metadata over 16 KiB", { metadata: { text: long(16_384) } }, "metadata: must be at most 16 KiB"],
      ["metadata that no JSON can tell", { metadata: { number: Number.NaN } }, "metadata: must hold finite numbers only"],
      ["metadata nested too deep", { metadata: nested(24) }, "metadata: must be nested at most 24 deep"],
    ];

    it.each(broken)("buries %s, with the field, and tells whoever asks for the id", async (_, init, words) => {
      await ask(init);
      const [letter] = await letters();
      expect(letter).toMatchObject({ stage: "router", reason: "invalid", detail: expect.stringContaining(words) });
      expect(fromBinary(NotificationRequestedSchema, letter?.value as Uint8Array)).toEqual(notification(init));
      expect(await events()).toEqual([
        expect.objectContaining({
          eventId: uuidv5(notificationEventName(ID, "", "refused")),
          moment: Moment.REFUSED,
          notificationId: ID,
          environment: "development",
          atMs: BigInt(at.clock.nowMs()),
          reason: "invalid",
          detail: letter?.detail,
        }),
      ]);
      expect(await counts()).toEqual([0, 0, 0, 1, 1]);
    });

    it("names every wrong field at once, and says no more than a dead letter takes", async () => {
      await ask({ recipients: [{ userId: long(129) }, { email: "no" }], content: { title: "a\nb" } });
      const [letter] = await letters();
      for (const field of ["recipients[0].user_id: ", "recipients[1].email: ", "content.title: "]) expect(letter?.detail).toContain(field);
      await ask({
        notificationId: "1192f0c1-2345-7abc-8def-0123456789ab",
        recipients: Array.from({ length: 900 }, () => ({ email: "no" })),
      });
      for (const { detail } of await events()) expect(detail.length).toBeLessThanOrEqual(1_000);
    });

    it("buries what is too large as a whole, though no field is", async () => {
      await ask({ content: { body: long(150_000), html: long(150_000) } });
      const refused = { reason: "oversize", detail: "content: the whole notification must be at most 256 KiB" };
      expect((await letters())[0]).toMatchObject(refused);
      expect((await events())[0]).toMatchObject({ moment: Moment.REFUSED, notificationId: ID, ...refused });
    });

    it("tells nobody of what has no id, or one that nobody could ask for", async () => {
      await ask({ notificationId: "", recipients: [] }, { notificationId: "42" });
      expect((await letters()).map(({ detail }) => detail).sort()).toEqual([
        "notification_id: must be a UUID, or left out",
        expect.stringContaining("recipients: "),
      ]);
      expect(await events()).toEqual([]);
    });

    it("goes on with the neighbours", async () => {
      const other = "1192f0c1-2345-7abc-8def-0123456789ab";
      await ask({ recipients: [] }, { notificationId: other }, { content: {} });
      expect((await prioritized()).map(({ notificationId }) => notificationId)).toEqual([other]);
      expect(await counts()).toEqual([0, 1, 0, 3, 2]);
    });
  });

  describe("with what it cannot read", () => {
    it.each([
      ["channels", `"channels":["email"]`, 'channels[0]: must be one of CHANNEL_EMAIL, CHANNEL_WEB; did you mean "CHANNEL_EMAIL"?'],
      ["channels", `"channels":["CHANNEL_WEP"]`, 'channels[0]: must be one of CHANNEL_EMAIL, CHANNEL_WEB; did you mean "CHANNEL_WEB"?'],
      ["channels", `"channels":["pigeon"]`, "channels[0]: must be one of CHANNEL_EMAIL, CHANNEL_WEB"],
      ["a field", `"recipient":[]`, 'recipient: unknown field "recipient"; did you mean "recipients"?'],
      ["a type", `"recipients":["ann"]`, "recipients[0]: must be an object"],
      ["a time", `"acceptedAtMs":"yesterday"`, "accepted_at_ms: must be a whole number"],
    ])("buries JSON with a wrong name or type, says what would be right, and finds the id all the same: %s", async (_, json, detail) => {
      await write(`{"notification_id":"${ID}",${json}}`);
      expect((await letters())[0]).toMatchObject({ reason: "invalid", detail });
      expect((await events())[0]).toMatchObject({ moment: Moment.REFUSED, notificationId: ID, reason: "invalid", detail });
    });

    it.each([
      ["nothing", "", "The body is not valid JSON"],
      ["half of it", '{"recipients":[', "The body is not valid JSON"],
      ["wrong somewhere", '{"recipients":[1', "The body is not valid JSON (line 1, column 17)"],
      ["no object", "null", "(body): must be an object"],
      ["a word", '"ann"', "(body): must be an object"],
    ])("buries JSON that is %s", async (_, json, detail) => {
      await write(json);
      expect((await letters())[0]?.detail).toBe(detail);
      expect(await counts()).toEqual([0, 0, 0, 0, 1]);
    });

    it("buries bytes that are no text, and what its header calls by another name", async () => {
      await put({ value: Uint8Array.of(0x7b, 0xff, 0x7d) });
      await put({ value: bytes("{}"), headers: { "content-type": "avro/binary" } });
      expect((await letters()).map(({ reason, detail }) => [reason, detail]).sort()).toEqual([
        ["undecodable", "The body is not UTF-8"],
        ["undecodable", "content-type: the header must be application/json or application/protobuf"],
      ]);
    });

    it("buries Protobuf that is none, and finds the id in what can be read of it", async () => {
      const cut = toBinary(NotificationRequestedSchema, create(NotificationRequestedSchema, { notificationId: ID, actor: "ann" })).subarray(
        0,
        -1,
      );
      const notText = Uint8Array.of(
        ...toBinary(NotificationRequestedSchema, create(NotificationRequestedSchema, { notificationId: ID })),
        0x22,
        1,
        0xff,
      );
      await put({ value: cut, headers: asProtobuf });
      await put({ value: notText, headers: asProtobuf });
      expect((await letters()).map(({ reason }) => reason)).toEqual(["undecodable", "undecodable"]);
      for (const { detail } of await letters()) expect(detail).toMatch(/^The body is not a NotificationRequested in Protobuf: ./);
      // Cut off in the middle nothing of it can be trusted; with a wrong text in it the rest can.
      expect((await events()).map(({ moment, notificationId }) => [moment, notificationId])).toEqual([[Moment.REFUSED, ID]]);
    });

    it.each(["[", '{"a":'])("outlives JSON of fifty thousand %s inside each other", async (open) => {
      const close = open === "[" ? "]" : "}";
      const deep = `${open.repeat(50_000)}${open === "[" ? "" : 1}${close.repeat(50_000)}`;
      await write(`{"notificationId":"${ID}","metadata":{"a":${deep}}}`);
      await write(toJsonString(NotificationRequestedSchema, notification()));
      expect((await letters()).map(({ detail }) => detail)).toEqual([expect.stringContaining("metadata: ")]);
      expect(await prioritized()).toHaveLength(1);
    });
  });
});
