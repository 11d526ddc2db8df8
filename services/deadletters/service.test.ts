import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { notificationName } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { Channel, DeliveryStatus, WaySchema } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeadLetterState,
  DeadLettersService,
  DiscardResult_Outcome as Discarding,
  ReplayResult_Outcome as Outcome,
  ReplayAction,
} from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { DeliveryEventSchema, DeliverySchema, NotificationRequestedSchema, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { PreferencesService, SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { personReached } from "#platform/ledger/reach.ts";
import { originOf } from "#platform/raw/origin.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { DAY_MS, DELIVERY, encoded, further, type LetterTrial, letterTrial, NOTIFICATION, SECRET } from "./letters.fixture.ts";

describe("dead letters", () => {
  let here: LetterTrial;
  let at: LetterTrial["at"];
  let letters: LetterTrial["letters"];
  let people: LetterTrial["people"];
  let clients: LetterTrial["clients"];
  let bury: LetterTrial["bury"];

  beforeEach(async () => {
    here = await letterTrial();
    ({ at, letters, people, clients, bury } = here);
  });
  afterEach(() => here.end());

  const delivery = (more: MessageInitShape<typeof DeliverySchema> = {}) => here.delivery(more);
  const dead = (more: MessageInitShape<typeof DeliverySchema> = {}) =>
    bury(topics.email.medium, { key: "development/ann", value: delivery(more), headers: { traceparent: "00-x" } }, "attempts_exhausted");
  const sentAgain = () => at.records(topics.email.medium);
  const outcomesOf = async (ids: string[]) => (await letters.replayDeadLetters({ ids })).results.map(({ outcome }) => outcome);

  it("tell whose they are, why they died, and the whole original in words", async () => {
    const letter = await dead();
    expect(letter).toMatchObject({
      ...{ queue: "dlq-email", reason: "attempts_exhausted", detail: "why", state: DeadLetterState.KEPT, topic: "email-notifications" },
      ...{ notificationId: NOTIFICATION, deliveryId: DELIVERY, userId: "ann", channel: Channel.EMAIL, cycle: 1 },
    });
    const whole = await letters.getDeadLetter({ id: letter.id });
    expect(whole).toMatchObject({ key: "development/ann", headers: { traceparent: "00-x" }, deadLetter: letter });
    expect(fromBinary(DeliverySchema, whole.original)).toMatchObject({ deliveryId: DELIVERY, attempt: 3, wait: 2 });
    expect(whole.decoded).toMatchObject({ target: "ann@example.test", content: { title: "Half price" } });
  });

  it("of another environment are not there", async () => {
    const { id } = await dead();
    const foreign = clients(DeadLettersService, "production");
    expect((await foreign.listDeadLetters({})).deadLetters).toEqual([]);
    expect(problemFrom(await foreign.getDeadLetter({ id }).catch((error) => error)).reason).toBe("NOT_FOUND");
    expect((await foreign.replayDeadLetters({ ids: [id] })).results).toMatchObject([{ id, outcome: Outcome.NOT_FOUND }]);
    expect(await foreign.discardDeadLetters({ ids: [id] })).toMatchObject({ ids: [], results: [{ id, outcome: Discarding.NOT_FOUND }] });
  });

  it("of a delivery are replayed as its next cycle, and the timeline is told", async () => {
    const { id } = await dead();
    expect(await outcomesOf([id])).toEqual([Outcome.REPLAYED]);
    const [again] = await sentAgain();
    expect(again).toMatchObject({ key: "development/ann", headers: { traceparent: "00-x" } });
    expect(fromBinary(DeliverySchema, again?.value as Uint8Array)).toMatchObject({ deliveryId: DELIVERY, cycle: 2, attempt: 0, wait: 0 });
    const [event] = await at.records(topics.deliveryEvents);
    expect(fromBinary(DeliveryEventSchema, event?.value as Uint8Array)).toMatchObject({ cycle: 2, status: DeliveryStatus.QUEUED });
    expect((await letters.listDeadLetters({ filter: { state: DeadLetterState.REPLAYED } })).deadLetters).toMatchObject([{ id }]);
  });

  it("replayed twice at once come to the same record, which the ledger knows as one", async () => {
    const { id } = await dead();
    await Promise.all([letters.replayDeadLetters({ ids: [id, id] }), letters.replayDeadLetters({ ids: [id] })]);
    const values = (await sentAgain()).map(({ value }) => Buffer.from(value).toString("hex"));
    expect(new Set(values).size).toBe(1);
    expect(await outcomesOf([id])).toEqual([Outcome.SETTLED_BEFORE]);
    expect(await sentAgain()).toHaveLength(values.length);
  });

  it("are kept when the log does not take the replay, and can be replayed then", async () => {
    const { id } = await dead();
    here.log.append = () => Promise.reject(new Error("disk full"));
    const problem = problemFrom(await letters.replayDeadLetters({ ids: [id] }).catch((error) => error));
    expect([problem.reason, problem.retryAfterMs]).toEqual(["LOG_UNAVAILABLE", 1_000]);
    here.log.append = at.log.append;
    expect(await outcomesOf([id])).toEqual([Outcome.REPLAYED]);
  });

  it("pass the person's choices and their expiry anew; what is refused stays", async () => {
    const muted = await dead();
    await people.setCategoryPreference({ userId: "ann", preference: { category: "offers", muted: true } });
    expect((await letters.replayDeadLetters({ ids: [muted.id] })).results).toMatchObject([
      { outcome: Outcome.REFUSED, reason: "category_muted" },
    ]);
    await people.setCategoryPreference({ userId: "ann", preference: { category: "offers", muted: false } });
    await at.clock.advance(DAY_MS);
    expect((await letters.replayDeadLetters({ ids: [muted.id] })).results).toMatchObject([{ outcome: Outcome.REFUSED, reason: "expired" }]);
    expect(await sentAgain()).toEqual([]);
    expect((await letters.listDeadLetters({})).deadLetters).toMatchObject([{ id: muted.id }]);
  });

  it("heed the person's quiet hours as they are now, at every try", async () => {
    const { id } = await dead({ quietHours: { start: "01:00", end: "02:00" }, timeZone: "UTC" });
    const { id: other } = await dead({ deliveryId: NOTIFICATION, quietHours: { start: "01:00", end: "02:00" }, timeZone: "UTC" });
    await people.setQuietHours({ userId: "ann", quietHours: { start: "03:00", end: "04:00" }, timeZone: "Europe/Vienna" });
    await outcomesOf([id]);
    await people.setQuietHours({ userId: "ann" });
    await outcomesOf([other]);
    const again = (await sentAgain()).map(({ value }) => fromBinary(DeliverySchema, value));
    expect(again.map(({ quietHours, timeZone }) => [quietHours?.start, timeZone])).toEqual([
      ["03:00", "Europe/Vienna"],
      [undefined, ""],
    ]);
  });

  it("are refused for a person or an address that is on the suppression list by now, and stay", async () => {
    const { id } = await dead();
    const bare = await dead({ userId: "", target: "bare@example.test" });
    const preferences = clients(PreferencesService, "development");
    for (const who of [
      { channel: Channel.EMAIL, address: "ANN@example.test" },
      { channel: Channel.EMAIL, address: "bare@example.test" },
    ])
      await preferences.addSuppression({ who, reason: SuppressionReason.BOUNCE });
    const { results } = await letters.replayDeadLetters({ ids: [id, bare.id] });
    expect(results).toMatchObject([id, bare.id].map((id) => ({ id, outcome: Outcome.REFUSED, reason: "suppressed_bounce" })));
    expect(await sentAgain()).toEqual([]);
    await preferences.removeSuppression({ who: { channel: Channel.EMAIL, address: "ann@example.test" } });
    expect(await outcomesOf([id])).toEqual([Outcome.REPLAYED]);
  });

  it("are refused for who was erased after it was accepted, who is not made anew by it", async () => {
    const acceptedAtMs = BigInt(at.clock.nowMs());
    const [{ id }, later] = [await dead({ acceptedAtMs }), await dead({ acceptedAtMs: acceptedAtMs + 1n })];
    const erased = { environment: "development", whom: personReached("ann"), atMs: Number(acceptedAtMs), untilMs: 8.64e15 };
    await here.ledger.erase(erased);
    expect((await letters.replayDeadLetters({ ids: [id] })).results).toMatchObject([{ outcome: Outcome.REFUSED, reason: "erased" }]);
    expect((await people.findPeople({ prefix: "ann" })).people).toEqual([]);
    expect(await outcomesOf([later.id])).toEqual([Outcome.REPLAYED]);
  });

  it("that name people are refused once all of them were erased after it, from whatever topic, and in whatever shape", async () => {
    const atMs = at.clock.nowMs() + 1_000;
    const json = (body: object) => new TextEncoder().encode(JSON.stringify(body));
    const both = { recipients: [{ userId: "ann" }, { userId: "bo" }] };
    const parked = encoded(ScheduledSchema, { id: "s", topic: "email-notifications", key: "development/ann", value: delivery() });
    const hers = [
      await bury(topics.raw, { key: "", value: json({ user_id: "ann", event_type: "a" }) }, "invalid"),
      await bury(topics.raw, { key: "", value: json({ recipients: [{ userId: "ann" }] }) }, "invalid"),
      await bury(topics.schedule, { key: "development/ann", value: parked }, "stage_failed"),
    ];
    const others = await bury(topics.raw, { key: "", value: json(both) }, "invalid");
    await here.ledger.erase({ environment: "development", whom: personReached("ann"), atMs, untilMs: 8.64e15 });
    await at.clock.advance(2_000);
    const later = await bury(topics.raw, { key: "", value: json({ user_id: "ann", event_type: "b" }) }, "invalid");
    const headers = { "carillon-accepted-at": String(atMs) };
    const old = await bury(topics.raw, { key: "", value: json({ user_id: "ann", event_type: "c" }), headers }, "invalid");
    const { results } = await letters.replayDeadLetters({ ids: [...hers, old, others, later].map(({ id }) => id) });
    const refused = { outcome: Outcome.REFUSED, reason: "erased" };
    expect(results).toMatchObject([refused, refused, refused, refused, { outcome: Outcome.REPLAYED }, { outcome: Outcome.REPLAYED }]);
    expect(await at.records(topics.raw)).toHaveLength(2);
  });

  it("that are discarded say so, each that was settled before too, and each that there is none of", async () => {
    const { id } = await dead();
    const ids = [id, NOTIFICATION];
    const outcomes = async () => (await letters.discardDeadLetters({ ids })).results.map((each) => [each.id, each.outcome]);
    expect(await outcomes()).toEqual([
      [id, Discarding.DISCARDED],
      [NOTIFICATION, Discarding.NOT_FOUND],
    ]);
    expect((await outcomes())[0]).toEqual([id, Discarding.SETTLED_BEFORE]);
  });

  it("are not replayed or discarded all together by who forgot to say which", async () => {
    for (const action of [ReplayAction.REPLAY, ReplayAction.DISCARD])
      expect(await letters.createReplay({ action, ratePerSecond: 20 }).catch(problemFrom)).toMatchObject({
        reason: "INVALID_REQUEST",
        violations: [{ field: "filter" }],
      });
    expect((await letters.createReplay({ filter: {} })).replay).toMatchObject({ filter: { queue: "", userId: "" } });
  });

  it("wait for the end of the person's quiet hours, and go out then", async () => {
    const { id } = await dead();
    // The clock stands at 22:13:20 UTC.
    await people.setQuietHours({ userId: "ann", quietHours: { start: "22:00", end: "23:00" }, timeZone: "UTC" });
    expect(await outcomesOf([id])).toEqual([Outcome.REPLAYED]);
    expect(await sentAgain()).toEqual([]);
    const dueAtMs = BigInt(Date.parse("2023-11-14T23:00:00Z"));
    const [waits] = (await at.records(topics.schedule)).map(({ value }) => fromBinary(ScheduledSchema, value));
    expect(waits).toMatchObject({ topic: "email-notifications", key: "development/ann", dueAtMs });
    expect(fromBinary(DeliverySchema, waits?.value as Uint8Array)).toMatchObject({ deliveryId: DELIVERY, cycle: 2, attempt: 0, wait: 1 });
    const [event] = (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
    expect(event).toMatchObject({ status: DeliveryStatus.DEFERRED, reason: "quiet_hours", cycle: 2, wait: 1, dueAtMs });
  });

  it("are not looked for in a queue, or by a reason, that there is none of: to be told so is better than to find nothing", async () => {
    const filter = { queue: "dlq-sms", reason: "attempts_exhaust" };
    for (const call of [letters.listDeadLetters({ filter }), letters.createReplay({ filter })])
      expect(await call.catch(problemFrom)).toMatchObject({
        reason: "INVALID_REQUEST",
        violations: [
          { field: "filter.queue", description: "must be one of dlq-notifications, dlq-email, dlq-web, dlq-events, dlq-schedule" },
          { field: "filter.reason", description: 'must be a code of docs/reasons.md; did you mean "attempts_exhausted"?' },
        ],
      });
  });

  it("of the raw topic get an id of their own, so that a second replay is no second notification", async () => {
    const json = new TextEncoder().encode(JSON.stringify({ recipients: [{ userId: "ann" }], content: {} }));
    const { id, userId } = await bury(topics.raw, { key: "whatever", value: json, headers: {} }, "invalid");
    expect(userId).toBe("ann");
    const value = encoded(NotificationRequestedSchema, { recipients: [{ userId: "bo" }] });
    const binary = await bury(topics.raw, { key: "k", value, headers: { "content-type": "application/protobuf" } }, "invalid");
    await Promise.all([letters.replayDeadLetters({ ids: [id, binary.id] }), letters.replayDeadLetters({ ids: [id, binary.id] })]);
    const again = await at.records(topics.raw);
    const ids = again.map(({ value: each, headers }) =>
      headers["content-type"]
        ? fromBinary(NotificationRequestedSchema, each).notificationId
        : JSON.parse(Buffer.from(each).toString()).notification_id,
    );
    expect(ids).toHaveLength(4);
    expect(ids).not.toContain("");
    expect(new Set(ids).size).toBe(2);
  });

  it("of the flat shapes keep their shape, and the person and the key that they name", async () => {
    const written = (body: object) => new TextEncoder().encode(JSON.stringify(body));
    const flat = await bury(topics.raw, { key: "", value: written({ user_id: "ann", event_type: "a" }) }, "invalid");
    expect(flat).toMatchObject({ userId: "ann", notificationId: "" });
    const keyed = await bury(topics.raw, { key: "", value: written({ message: "M", idempotency_key: "k" }) }, "invalid");
    // By which its timeline is found, and the letter from there.
    expect(keyed.notificationId).toBe(uuidv5(notificationName("development", "k")));
    const filter = { notificationId: keyed.notificationId };
    expect((await letters.listDeadLetters({ filter })).deadLetters.map(({ id }) => id)).toEqual([keyed.id]);
    await letters.replayDeadLetters({ ids: [flat.id, keyed.id] });
    const again = (await at.records(topics.raw)).map(({ value }) => JSON.parse(Buffer.from(value).toString()));
    expect(again).toHaveLength(2);
    expect(again).toContainEqual({ user_id: "ann", event_type: "a", notification_id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(again).toContainEqual({ message: "M", idempotency_key: "k" });
  });

  it("that ingest wrote belong to their own environment and come back byte for byte, so that they prove their origin again", async () => {
    const value = encoded(NotificationRequestedSchema, { notificationId: NOTIFICATION, recipients: [{ userId: "ann" }] });
    const proof = originOf(SECRET).prove("staging/ann", value);
    const headers = { "content-type": "application/protobuf", "carillon-origin": proof };
    const inStaging = clients(DeadLettersService, "staging");
    const { id } = await bury(topics.raw, { key: "staging/ann", value, headers }, "stage_failed", { its: inStaging });
    expect((await letters.listDeadLetters({})).deadLetters).toEqual([]);
    await inStaging.replayDeadLetters({ ids: [id] });
    expect(await at.records(topics.raw)).toMatchObject([{ key: "staging/ann", value, headers }]);
  });

  it("of a further raw topic go back there", async () => {
    const value = new TextEncoder().encode('{"message":"M"}');
    const letter = await bury(further, { key: "production/ann", value }, "invalid");
    expect((await letters.getDeadLetter({ id: letter.id })).decoded).toEqual({ message: "M" });
    await letters.replayDeadLetters({ ids: [letter.id] });
    expect(await at.records(further)).toMatchObject([{ key: "production/ann" }]);
  });

  it("that cannot be decoded are refused, and others than deliveries come back as they were", async () => {
    const junk = await bury(topics.email.high, { key: "development/ann", value: new Uint8Array([255]) }, "undecodable");
    expect(junk).toMatchObject({ notificationId: "", userId: "" });
    expect((await letters.getDeadLetter({ id: junk.id })).decoded).toBeUndefined();
    expect((await letters.replayDeadLetters({ ids: [junk.id] })).results).toMatchObject([
      { outcome: Outcome.REFUSED, reason: "undecodable" },
    ]);
    const value = encoded(ScheduledSchema, { id: "s", topic: "email-notifications", key: "development/ann", value: delivery() });
    const scheduled = await bury(topics.schedule, { key: "development/ann", value }, "stage_failed");
    expect(scheduled).toMatchObject({ notificationId: NOTIFICATION, userId: "ann" });
    expect((await letters.getDeadLetter({ id: scheduled.id })).decoded).toMatchObject({ value: { content: { title: "Half price" } } });
    expect(await outcomesOf([scheduled.id])).toEqual([Outcome.REPLAYED]);
    expect((await at.records(topics.schedule)).map((record) => record.value)).toEqual([value]);
  });

  it.each([
    ["no ids", {}, "ids"],
    ["no UUID", { ids: ["a"] }, "ids[0]"],
  ])("refuse %s with words", async (_what, request, words) => {
    const problem = problemFrom(await letters.replayDeadLetters(request).catch((error) => error));
    expect(problem.reason).toBe("INVALID_REQUEST");
    expect(JSON.stringify(problem.violations)).toContain(words);
  });

  it("tell the way they went: acceptance, each try with its error, and what they died of", async () => {
    const acceptedAtMs = BigInt(at.clock.nowMs());
    const hop = { topic: "email-notifications", stage: "email-workers", cycle: 1, attempt: 1, times: 1, provider: "primary" };
    const way = create(WaySchema, { hops: [{ ...hop, atMs: acceptedAtMs, reason: "temporarily_refused", detail: "451 later" }] });
    const record = { key: "development/ann", value: delivery({ acceptedAtMs, way }) };
    const because = { detail: "451 never", provider: "backup", attempt: 2, cycle: 1 };
    const { id, diedAtMs } = await bury(topics.email.medium, record, "attempts_exhausted", { because });
    const whole = await letters.getDeadLetter({ id });
    expect(whole.writtenAtMs).toBe(diedAtMs);
    expect(whole.way).toMatchObject({
      leftOut: 0,
      hops: [
        { topic: "", stage: "", atMs: acceptedAtMs, reason: "" },
        { ...hop, reason: "temporarily_refused", detail: "451 later" },
        { ...hop, attempt: 2, provider: "backup", reason: "attempts_exhausted", detail: "451 never", atMs: diedAtMs },
      ],
    });
  });

  it("of a replay tell the way of the cycles before it too, up to what each died of", async () => {
    const because = { detail: "451 never", provider: "primary", attempt: 1, cycle: 1 };
    const { id } = await bury(topics.email.medium, { key: "development/ann", value: delivery() }, "attempts_exhausted", { because });
    await outcomesOf([id]);
    const [again] = await sentAgain();
    const record = { key: "development/ann", value: again?.value as Uint8Array };
    const next = await bury(topics.email.medium, record, "refused_by_provider", { because: { ...because, detail: "550 no", cycle: 2 } });
    expect((await letters.getDeadLetter({ id: next.id })).way?.hops).toMatchObject([
      { cycle: 1, reason: "attempts_exhausted", detail: "451 never" },
      { cycle: 2, reason: "refused_by_provider", detail: "550 no" },
    ]);
  });

  it("of a raw topic stay as old as they are, also where nobody can have written them when they say", async () => {
    const written = (title: string) => new TextEncoder().encode(JSON.stringify({ user_id: "ann", title }));
    const nowMs = at.clock.nowMs();
    const old = await bury(topics.raw, { key: "", value: written("old"), timeMs: nowMs - DAY_MS }, "invalid");
    const ahead = await bury(topics.raw, { key: "", value: written("ahead"), timeMs: nowMs + DAY_MS }, "invalid");
    await at.clock.advance(DAY_MS);
    await letters.replayDeadLetters({ ids: [old.id, ahead.id] });
    const again = await at.records(topics.raw);
    expect(again.map(({ headers }) => headers["carillon-accepted-at"])).toEqual([String(nowMs - DAY_MS), String(ahead.diedAtMs)]);
  });

  it("too large for their topic are refused, since the log would refuse them for ever", async () => {
    const value = new TextEncoder().encode(JSON.stringify({ user_id: "ann", title: "x".repeat(1_100_000) }));
    const { id } = await bury(topics.raw, { key: "", value }, "oversize");
    expect((await letters.replayDeadLetters({ ids: [id] })).results).toMatchObject([{ outcome: Outcome.REFUSED, reason: "oversize" }]);
  });
});
