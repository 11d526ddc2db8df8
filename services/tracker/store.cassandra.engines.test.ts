import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type TestKeyspace, testKeyspace } from "#platform/cassandra/cassandra.fixture.ts";
import type { Cassandra } from "#platform/cassandra/cassandra.ts";
import { systemClock } from "#platform/clock.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { DAY_MS } from "./days.ts";
import { statsSuite } from "./stats.suite.ts";
import { cassandraHistoryStore } from "./store.cassandra.ts";
import { historyStoreSuite } from "./store.suite.ts";
import type { HistoryStore, RecordedEvent } from "./store.ts";

const KEPT_MS = 365 * DAY_MS;
const END = { acceptedAtMs: Number.MAX_SAFE_INTEGER, notificationId: "" };

let keyspace: TestKeyspace;
let session: Cassandra;

beforeAll(async () => {
  keyspace = await testKeyspace();
  session = await keyspace.open();
});

afterAll(() => keyspace.drop());

/** One that is as good as empty: its environments are nobody else's. */
async function open(): Promise<HistoryStore> {
  const store = await cassandraHistoryStore(session, { clock: systemClock, keptMs: KEPT_MS });
  const own = randomUUID();
  const { recount } = store;
  return {
    record: (events) => store.record(events.map((event) => ({ ...event, environment: `${own}-${event.environment}` }))),
    eventsOf: (environment, ids) => store.eventsOf(`${own}-${environment}`, ids),
    redact: (redactions) => store.redact(redactions.map((each) => ({ ...each, environment: `${own}-${each.environment}` }))),
    list: (listing) => store.list({ ...listing, environment: `${own}-${listing.environment}` }),
    stats: (days) => store.stats({ ...days, environment: `${own}-${days.environment}` }),
    ...(recount && { recount }),
  };
}

historyStoreSuite("Cassandra", open);
statsSuite("Cassandra", open);

const event = (notificationId: string, more: Partial<RecordedEvent> = {}): RecordedEvent => ({
  ...{ environment: "development", notificationId, eventId: `e-${notificationId}`, atMs: 100, event: new Uint8Array([1]) },
  ...more,
});

describe("the history in Cassandra", () => {
  it("forgets each row by itself, in the lists as well", async () => {
    const store = await cassandraHistoryStore(session, { clock: systemClock, keptMs: 3_000 });
    const environment = randomUUID();
    const listing = { environment, fromMs: 0, after: END, limit: 10 };
    const kept = async () => [
      (await store.eventsOf(environment, ["a"]))[0]?.length,
      (await store.list(listing)).length,
      (await store.list({ ...listing, userId: "ann" })).length,
    ];
    await store.record([event("a", { environment, asked: { acceptedAtMs: 10, sendAtMs: 0, userIds: ["ann"] } })]);
    expect(await kept()).toEqual([1, 1, 1]);
    await expect.poll(kept, { timeout: 20_000 }).toEqual([0, 0, 0]);
  });

  it("keeps the request of what is to be sent later that much longer, and what leads to it longer still", async () => {
    const store = await cassandraHistoryStore(session, { clock: systemClock, keptMs: KEPT_MS });
    const environment = randomUUID();
    const sendAtMs = Date.now() + 100 * DAY_MS;
    await store.record([event("a", { environment, asked: { acceptedAtMs: Date.now(), sendAtMs, userIds: ["ann"] } })]);
    await store.record([event("a", { environment, eventId: "other" })]);
    const { rows } = await keyspace.execute(
      "SELECT event_id, ttl(event) AS seconds FROM KEYSPACE_notification_status WHERE environment = ? AND notification_id = ?",
      [environment, "a"],
    );
    const days = Object.fromEntries(rows.map((row) => [row.event_id, Math.round(row.seconds / 86_400)]));
    expect(days).toEqual({ "e-a": 465, other: 365 });
  });

  it("writes a thousand events of many people at once, and lists them by page over hours and buckets", async () => {
    const store = await cassandraHistoryStore(session, { clock: systemClock, keptMs: KEPT_MS });
    const environment = randomUUID();
    const startMs = 1_700_000_000_000;
    const ids = Array.from({ length: 1_000 }, () => randomUUID());
    await store.record(
      ids.map((id, n) => event(id, { environment, asked: { acceptedAtMs: startMs + n * 100_000, sendAtMs: 0, userIds: [`u${n % 50}`] } })),
    );
    const seen: string[] = [];
    for (let after = END; ; ) {
      const page = await store.list({ environment, fromMs: 0, after, limit: 150 });
      seen.push(...page.map(({ notificationId }) => notificationId));
      const last = page.at(-1);
      if (!last) break;
      after = last;
    }
    expect(seen).toEqual(ids.toReversed());
    expect(await store.list({ environment, userId: "u7", fromMs: 0, after: END, limit: 50 })).toHaveLength(20);
  });

  it("still counts what another process adds to an hour that was counted a moment ago", async () => {
    const clock = fakeClock(Date.now());
    const [one, other] = [
      await cassandraHistoryStore(session, { clock, keptMs: KEPT_MS }),
      await cassandraHistoryStore(session, { clock, keptMs: KEPT_MS }),
    ];
    const environment = randomUUID();
    const add = (store: HistoryStore, id: string) =>
      store.record([
        event(id, { environment, atMs: clock.nowMs(), counted: [{ id, channel: Channel.EMAIL, status: DeliveryStatus.SENT }] }),
      ]);
    const day = Math.floor(clock.nowMs() / DAY_MS);
    const counted = async () => (await one.stats({ environment, fromDay: day - 2, toDay: day + 2 })).map(({ count }) => count);
    await add(one, "a");
    await add(other, "b");
    await one.recount?.();
    expect(await counted()).toEqual([2]);
    // Both have said already that they add to this hour.
    await clock.advance(20_000);
    await add(one, "c");
    await add(other, "a");
    await clock.advance(60_000);
    await other.recount?.();
    expect(await counted()).toEqual([3]);
  });
});
