import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deliveryEventName } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { DeadLetterSchema, type Delivery, DeliveryEventSchema, DeliverySchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { type Pushed, PushedSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import type { Fanout } from "#platform/fanout/fanout.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { personReached } from "#platform/ledger/reach.ts";
import type { EventLog } from "#platform/log/log.ts";
import { wordsOf } from "#platform/render/content.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { faults, faultyLog } from "../../test/fakes/log.ts";
import { type Trial, trial } from "../../test/fakes/stage.ts";
import { withoutTemplates } from "../../test/fakes/templates.ts";
import { inboxStage } from "./stage.ts";
import { sqliteInboxStore } from "./store.sqlite.ts";
import type { InboxStore } from "./store.ts";

const HOUR_MS = 3_600_000;

describe("the inbox stage", () => {
  let at: Trial;
  let folder: string;
  let database: Database;
  let store: InboxStore;
  let fanout: Fanout;
  let ledger: Ledger;

  beforeEach(async () => {
    at = trial(topics.all);
    folder = mkdtempSync(join(tmpdir(), "carillon-inbox-"));
    database = await openDatabase({ file: join(folder, "carillon.sqlite") });
    store = await sqliteInboxStore(database);
    fanout = memoryFanout();
    ledger = memoryLedger({ clock: at.clock });
  });
  afterEach(async () => {
    await at.end();
    await database.close();
    rmSync(folder, { recursive: true });
  });

  const run = (more: { store?: InboxStore; log?: EventLog; ledger?: Ledger } = {}) =>
    at.run(
      inboxStage(more.store ?? store, {
        ...{ clock: at.clock, logger: at.logger, metrics: at.metrics, fanout, ledger: more.ledger ?? ledger, worker: "w-1" },
        wordsOf: wordsOf(withoutTemplates(at.clock)),
      }),
      more.log,
    );
  const content = (init: MessageInitShape<typeof ContentSchema>) => toBinary(ContentSchema, create(ContentSchema, init));
  const delivery = (word: string, init: Partial<MessageInitShape<typeof DeliverySchema>> = {}): Delivery =>
    create(DeliverySchema, {
      ...{ deliveryId: `d-${word}`, notificationId: `n-${word}`, environment: "development", userId: "ann", channel: Channel.WEB },
      ...{ eventType: "post.liked", category: "post", cycle: 1, content: content({ title: `Title ${word}`, body: `Body ${word}` }) },
      expiresAtMs: BigInt(at.clock.nowMs() + HOUR_MS),
      ...(init as object),
    });
  const put = (...items: Delivery[]) =>
    at.log.append(
      items.map((each) => ({ topic: topics.web, key: `${each.environment}/${each.userId}`, value: toBinary(DeliverySchema, each) })),
    );
  const settled = () => vi.waitFor(async () => expect(await at.log.lag("inbox", [topics.web])).toBe(0), 5_000);
  const events = async () => (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
  const rows = (userId = "ann", environment = "development") => store.after(environment, userId, 0, 100);
  /** What is pushed to a person from now on. */
  async function listen(channel: string): Promise<Pushed[]> {
    const heard: Pushed[] = [];
    await fanout.subscribe(
      channel,
      (message) => heard.push(fromBinary(PushedSchema, message)),
      () => {},
    );
    return heard;
  }

  it("stores a row, pushes it with its cursor, and tells the tracker that it was sent", async () => {
    const heard = await listen("development/ann");
    await run();
    await put(delivery("a", { wait: 2, target: "" }));
    await settled();
    const { epoch } = await store.box("development", "ann");
    const [row] = await rows();
    expect(row).toEqual({
      ...{ seq: 1, deliveryId: "d-a", notificationId: "n-a", eventType: "post.liked", category: "post", title: "Title a", body: "Body a" },
      createdAtMs: at.clock.nowMs(),
    });
    expect(heard).toEqual([
      create(PushedSchema, { cursor: `${epoch}:1`, message: { ...row, seq: 1n, createdAtMs: BigInt(at.clock.nowMs()) } }),
    ]);
    const [record] = await at.records(topics.deliveryEvents);
    expect(record?.key).toBe("development/ann");
    expect(await events()).toMatchObject([
      {
        ...{ moment: Moment.DELIVERY, status: DeliveryStatus.SENT, reason: "stored_in_inbox", attempt: 1, provider: "inbox" },
        ...{ deliveryId: "d-a", notificationId: "n-a", environment: "development", userId: "ann", channel: Channel.WEB },
        ...{ cycle: 1, wait: 2, atMs: BigInt(at.clock.nowMs()) },
      },
    ]);
  });

  it("pushes only what can be read again already", async () => {
    const atPush: Promise<number>[] = [];
    await fanout.subscribe(
      "development/ann",
      () => atPush.push(rows().then((found) => found.length)),
      () => {},
    );
    await run();
    await put(delivery("a"));
    await settled();
    expect(await Promise.all(atPush)).toEqual([1]);
  });

  it("keeps the order of a person's records, and pushes in it", async () => {
    const heard = await listen("development/ann");
    await run();
    const words = Array.from({ length: 600 }, (_, index) => String(index));
    await put(...words.flatMap((word) => [delivery(word), delivery(`of-bo-${word}`, { userId: "bo" })]));
    await settled();
    expect((await store.after("development", "ann", 0, 1_000)).map(({ deliveryId }) => deliveryId)).toEqual(
      words.map((word) => `d-${word}`),
    );
    expect(heard.map(({ message }) => Number(message?.seq))).toEqual(words.map((word) => Number(word) + 1));
  });

  it("tells each person's browsers of their own messages only, in their own environment", async () => {
    const [ann, bo, elsewhere] = [await listen("development/ann"), await listen("development/bo"), await listen("production/ann")];
    await run();
    await put(delivery("a"), delivery("b", { userId: "bo" }), delivery("c", { environment: "production" }));
    await settled();
    for (const [heard, word] of [[ann, "d-a"] as const, [bo, "d-b"] as const, [elsewhere, "d-c"] as const])
      expect(heard.map(({ message }) => message?.deliveryId)).toEqual([word]);
    expect(await rows("ann", "production")).toHaveLength(1);
  });

  it("finds the row of a record that comes again: no second one, the same seq pushed, the same event", async () => {
    const heard = await listen("development/ann");
    await run();
    await put(delivery("a"), delivery("b"));
    await settled();
    await at.clock.advance(60_000);
    await put(delivery("a"));
    await settled();
    expect(await rows()).toHaveLength(2);
    const [first, , again] = heard;
    expect(again).toEqual(first);
    const [one, , repeated] = await events();
    expect(repeated).toEqual(one);
  });

  it("stores and tells once more the same when the process died before the record was settled", async () => {
    let died = false;
    const log = faultyLog(
      at.log,
      faults({
        settle: () => {
          if (died) return "pass";
          died = true;
          throw new Error("the process died here");
        },
      }),
    );
    const heard = await listen("development/ann");
    const dying = await run({ log });
    await put(delivery("a"));
    await vi.waitFor(() => expect(died).toBe(true), 5_000);
    await Promise.all([dying.drain(0).catch(() => {}), at.clock.advance(5_000)]);
    await run();
    await vi.waitFor(async () => expect(await at.log.lag("inbox", [topics.web])).toBe(0), 5_000);
    expect(await rows()).toHaveLength(1);
    expect(new Set(heard.map(({ cursor }) => cursor)).size).toBe(1);
    expect(new Set((await events()).map(({ eventId }) => eventId)).size).toBe(1);
  });

  it("does not store what has expired, and says so", async () => {
    const heard = await listen("development/ann");
    await run();
    await put(delivery("late", { expiresAtMs: BigInt(at.clock.nowMs()) }), delivery("just", { expiresAtMs: BigInt(at.clock.nowMs() + 1) }));
    await settled();
    expect((await rows()).map(({ deliveryId }) => deliveryId)).toEqual(["d-just"]);
    expect(heard).toHaveLength(1);
    const told = Object.fromEntries(
      (await events()).map(({ deliveryId, status, reason, attempt }) => [deliveryId, [status, reason, attempt]]),
    );
    expect(told).toEqual({ "d-late": [DeliveryStatus.EXPIRED, "expired", 0], "d-just": [DeliveryStatus.SENT, "stored_in_inbox", 1] });
  });

  it("says of what was stored in time that it was sent, also when its record comes again after it has expired", async () => {
    await run();
    await put(delivery("a"));
    await settled();
    await at.clock.advance(2 * HOUR_MS);
    await put(delivery("a", { expiresAtMs: BigInt(at.clock.nowMs() - HOUR_MS) }));
    await settled();
    const [first, again] = await events();
    expect(again).toEqual(first);
    expect(first?.status).toBe(DeliveryStatus.SENT);
  });

  const cancel = (notificationId: string, environment = "development") =>
    ledger.cancel({ environment, notificationId, untilMs: Number.MAX_SAFE_INTEGER });

  it("does not store what was canceled, and says so with one event however often its record comes", async () => {
    const heard = await listen("development/ann");
    await cancel("n-b");
    await cancel("n-a", "production");
    await run();
    await put(delivery("a"), delivery("b"), delivery("b"));
    await settled();
    expect((await rows()).map(({ deliveryId }) => deliveryId)).toEqual(["d-a"]);
    expect(heard).toHaveLength(1);
    const told = (await events()).filter(({ deliveryId }) => deliveryId === "d-b");
    expect(told).toMatchObject(told.map(() => ({ status: DeliveryStatus.CANCELED, reason: "canceled", attempt: 0 })));
    const counts = { "web inbox sent stored_in_inbox": 1, "web inbox canceled canceled": 2 };
    expect(await at.metric("carillon_deliveries_total")).toEqual(counts);
    expect(new Set(told.map(({ eventId }) => eventId)).size).toBe(1);
  });

  it("does not store what a suppressed person would get, and says so; what was stored before stays sent", async () => {
    await run();
    await put(delivery("a"));
    await settled();
    await ledger.suppress({ environment: "development", whom: personReached("ann"), suppressed: true, atMs: 1 });
    await put(delivery("b"), delivery("c", { userId: "bo" }), delivery("a"), delivery("b"));
    await settled();
    expect((await rows()).map(({ deliveryId }) => deliveryId)).toEqual(["d-a"]);
    expect((await rows("bo")).map(({ deliveryId }) => deliveryId)).toEqual(["d-c"]);
    const told = (await events()).filter(({ deliveryId }) => deliveryId === "d-b");
    expect(told).toMatchObject(told.map(() => ({ status: DeliveryStatus.SKIPPED, reason: "suppressed", attempt: 0 })));
    expect(new Set(told.map(({ eventId }) => eventId)).size).toBe(1);
    const again = (await events()).filter(({ deliveryId }) => deliveryId === "d-a");
    expect(new Set(again.map(({ status }) => status))).toEqual(new Set([DeliveryStatus.SENT]));
  });

  it("does not store what was accepted before the person was erased, nor keeps what it stored meanwhile", async () => {
    const acceptedAtMs = BigInt(at.clock.nowMs());
    const erase = () =>
      ledger.erase({ environment: "development", whom: personReached("ann"), atMs: Number(acceptedAtMs), untilMs: 8.64e15 });
    await run({
      store: {
        ...store,
        async add(rows) {
          const places = await store.add(rows);
          if (rows.some(({ deliveryId }) => deliveryId === "d-a")) await erase();
          return places;
        },
      },
    });
    const heard = await listen("development/ann");
    await put(delivery("a", { acceptedAtMs }));
    await settled();
    await put(delivery("b", { acceptedAtMs }), delivery("c", { acceptedAtMs: acceptedAtMs + 1n }));
    await settled();
    expect((await rows()).map(({ deliveryId }) => deliveryId)).toEqual(["d-c"]);
    expect(heard).toHaveLength(1);
    expect((await events()).map(({ deliveryId, reason }) => [deliveryId, reason])).toEqual([
      ["d-a", "erased"],
      ["d-b", "erased"],
      ["d-c", "stored_in_inbox"],
    ]);
  });

  it("keeps nothing of what it stored while the person was erased and its process died, also when that comes again canceled", async () => {
    const acceptedAtMs = BigInt(at.clock.nowMs());
    const whom = personReached("ann");
    await store.add([
      {
        ...{
          environment: "development",
          userId: "ann",
          deliveryId: "d-a",
          notificationId: "n-a",
          eventType: "post.liked",
          category: "post",
        },
        ...{ title: "Title a", body: "Body a", createdAtMs: at.clock.nowMs() },
      },
    ]);
    await ledger.erase({ environment: "development", whom, atMs: Number(acceptedAtMs), untilMs: 8.64e15 });
    await ledger.cancel({ environment: "development", notificationId: "n-a", untilMs: 8.64e15 });
    await run();
    await put(delivery("a", { acceptedAtMs }));
    await settled();
    expect(await rows()).toEqual([]);
    expect((await events()).map(({ deliveryId, reason }) => [deliveryId, reason])).toEqual([["d-a", "erased"]]);
  });

  it("stores nothing of what the ledger keeps unreadably: a dead letter with the reason, and the others go on", async () => {
    const intend: Ledger["intend"] = async (tries, options) => {
      const intents = await ledger.intend(tries, options);
      return tries.map(({ deliveryId }, at) =>
        deliveryId === "d-a" ? { is: "malformed", detail: "it cannot be read" } : (intents[at] as (typeof intents)[number]),
      );
    };
    await run({ ledger: { ...ledger, intend } });
    await put(delivery("a"), delivery("b"));
    await settled();
    expect((await rows()).map(({ deliveryId }) => deliveryId)).toEqual(["d-b"]);
    expect((await events()).filter(({ deliveryId }) => deliveryId === "d-a")).toMatchObject([{ reason: "ledger_malformed" }]);
  });

  it("says of what was stored before the cancel that it was sent, also when its record comes again; the ledger knows it as begun", async () => {
    await run();
    await put(delivery("a"));
    await settled();
    expect(await ledger.statesOf({ environment: "development", notificationId: "n-a", deliveryIds: ["d-a"] })).toEqual([["leased"]]);
    await cancel("n-a");
    await at.clock.advance(25 * HOUR_MS);
    await put(delivery("a"));
    await settled();
    const [first, again] = await events();
    expect(again).toEqual(first);
    expect(first?.status).toBe(DeliveryStatus.SENT);
  });

  it("shows HTML as text where there are no plain words", async () => {
    await run();
    await put(delivery("a", { content: content({ title: "T", html: "<p>One &amp; two</p>" }) }));
    await put(delivery("b", { content: content({ title: "T", body: "words", html: "<p>markup</p>" }) }));
    await settled();
    expect((await rows()).map(({ body }) => body)).toEqual(["One & two", "words"]);
  });

  it("gives up content that nobody can read at once, says so, and goes on with the others", async () => {
    await run();
    await put(delivery("a"), delivery("bad", { content: new Uint8Array([0xff, 0xff, 0xff]) }), delivery("b"));
    await settled();
    expect((await rows()).map(({ deliveryId }) => deliveryId)).toEqual(["d-a", "d-b"]);
    const letters = (await at.records(topics.deadWeb)).map(({ value }) => fromBinary(DeadLetterSchema, value));
    expect(letters).toMatchObject([{ stage: "inbox", reason: "undecodable" }]);
    expect((await events()).find(({ deliveryId }) => deliveryId === "d-bad")).toMatchObject({
      ...{ status: DeliveryStatus.DEAD, reason: "undecodable" },
    });
  });

  it("that fails on a delivery every time gives it up as dead, with an event that is the same event again", async () => {
    const broken: InboxStore = { ...store, add: () => Promise.reject(new TypeError("undefined is not a function")) };
    await run({ store: broken });
    await put(delivery("a", { wait: 2 }));
    await at.log.append([{ topic: topics.web, key: "development/ann", value: Uint8Array.of(0xff) }]);
    await vi.waitFor(async () => {
      await at.clock.advance(10_000);
      expect(await at.records(topics.deadWeb)).toHaveLength(2);
    }, 5_000);
    expect(await events()).toMatchObject([
      {
        ...{ moment: Moment.DELIVERY, status: DeliveryStatus.DEAD, reason: "stage_failed", attempt: 0, wait: 2, channel: Channel.WEB },
        ...{ deliveryId: "d-a", notificationId: "n-a", environment: "development", userId: "ann" },
        eventId: uuidv5(deliveryEventName("d-a", { cycle: 1, attempt: 0, wait: 2, target: "" }, "dead")),
      },
    ]);
    expect(at.lines.filter(({ msg }) => msg === "delivery dead")).toMatchObject([{ deliveryId: "d-a", notificationId: "n-a" }]);
  });

  it("waits while the store takes nothing, and pushes nothing meanwhile", async () => {
    let [isAway, tries] = [true, 0];
    const away: InboxStore = {
      ...store,
      add(all) {
        tries++;
        return isAway ? Promise.reject(Object.assign(new Error("away"), { transient: true })) : store.add(all);
      },
    };
    const heard = await listen("development/ann");
    await run({ store: away });
    await put(delivery("a"));
    await vi.waitFor(() => expect(tries).toBe(1), 5_000);
    await at.clock.advance(30_000);
    expect([heard.length, (await events()).length]).toEqual([0, 0]);
    isAway = false;
    await vi.waitFor(async () => {
      await at.clock.advance(5_000);
      expect(await at.log.lag("inbox", [topics.web])).toBe(0);
    }, 5_000);
    expect(heard).toHaveLength(1);
    expect((await events()).map(({ status }) => status)).toEqual([DeliveryStatus.SENT]);
  });

  it("logs ids and nobody's words", async () => {
    await run();
    await put(delivery("a"));
    await settled();
    expect(at.lines).toContainEqual(expect.objectContaining({ msg: "stored in the inbox", notificationId: "n-a", deliveryId: "d-a" }));
    expect(JSON.stringify(at.lines)).not.toMatch(/Title|Body/);
  });
});
