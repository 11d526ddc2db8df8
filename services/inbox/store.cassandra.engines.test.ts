import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWire, type TestKeyspace, testKeyspace } from "#platform/cassandra/cassandra.fixture.ts";
import type { Cassandra } from "#platform/cassandra/cassandra.ts";
import { systemClock } from "#platform/clock.ts";
import { cassandraInboxStore } from "./store.cassandra.ts";
import { inboxStoreSuite, KEPT } from "./store.suite.ts";
import type { InboxStore, NewRow } from "./store.ts";

const LONG = { timeout: 30_000 };

let keyspace: TestKeyspace;
let session: Cassandra;

beforeAll(async () => {
  keyspace = await testKeyspace();
  session = await keyspace.open();
});

afterAll(() => keyspace.drop());

const openStore = (on = session, keep = KEPT) => cassandraInboxStore(on, { clock: systemClock }, keep);

/** One that is as good as empty: its environments are nobody else's. */
async function open(): Promise<InboxStore> {
  const store = await openStore();
  const own = randomUUID();
  const there = <T extends { readonly environment: string }>(each: T) => ({ ...each, environment: `${own}-${each.environment}` });
  return {
    add: (rows) => store.add(rows.map(there)),
    placed: (deliveries) => store.placed(deliveries.map(there)),
    box: (environment, userId) => store.box(`${own}-${environment}`, userId),
    after: (environment, ...rest) => store.after(`${own}-${environment}`, ...rest),
    erase: (environment, userId) => store.erase(`${own}-${environment}`, userId),
    seqOf: (environment, ...rest) => store.seqOf(`${own}-${environment}`, ...rest),
  };
}

inboxStoreSuite("Cassandra", open);

describe("the inbox in Cassandra", () => {
  const environment = "development";
  const rowOf = (userId: string, word: string, more: Partial<NewRow> = {}): NewRow => ({
    ...{ environment, userId, deliveryId: `d-${word}`, notificationId: `n-${word}`, eventType: "", category: "post" },
    ...{ title: word, body: "", createdAtMs: 5, ...more },
  });
  const seqsOf = async (store: InboxStore, userId: string) => (await store.after(environment, userId, 0, 1_000)).map(({ seq }) => seq);
  const upTo = (n: number) => Array.from({ length: n }, (_, at) => at + 1);

  it("gives no seq twice and leaves no hole where several processes write to one person at once", async () => {
    const userId = randomUUID();
    const stores = await Promise.all([1, 2, 3, 4].map(async (n) => openStore(n % 2 === 0 ? session : await keyspace.open(), 1_000)));
    const placed = await Promise.all(
      stores.flatMap((store, n) =>
        upTo(5).map((batch) =>
          // Each batch has a row that every other store writes too.
          store.add([rowOf(userId, `${n}-${batch}`), rowOf(userId, `all-${batch}`)]),
        ),
      ),
    );
    const [store] = stores as [InboxStore];
    expect(await seqsOf(store, userId)).toEqual(upTo(25));
    const seqs = placed.flat().map(({ seq }) => seq);
    expect(new Set(seqs)).toEqual(new Set(upTo(25)));
    expect(new Set(placed.flat().map(({ epoch }) => epoch)).size).toBe(1);
    expect((await store.box(environment, userId)).topSeq).toBe(25);
  });

  it.each(["no answer", "the end of the connection"])("finds what it wrote itself, where %s comes after the write", async (what) => {
    const userId = randomUUID();
    const wire = await openWire();
    const far = await keyspace.open({ contactPoints: [wire.address], deadlineMs: 2_000 });
    const near = await openStore();
    await near.add([rowOf(userId, "first")]);
    let losesAnswers = false;
    const store = await openStore({
      ...far,
      async cql(file) {
        const cql = await far.cql(file);
        return {
          ...cql,
          async swap(writes) {
            if (!losesAnswers) return cql.swap(writes);
            losesAnswers = false;
            wire.mute();
            const swapping = cql.swap(writes);
            // It has arrived: others see it.
            await expect.poll(() => seqsOf(near, userId)).toEqual([1, 2]);
            if (what === "the end of the connection") await wire.accept();
            const swapped = await swapping;
            await wire.accept();
            await expect.poll(() => cql.read("places", [environment, userId, [""]]).catch(() => []), LONG).toHaveLength(1);
            expect(swapped).toBe("unknown");
            return swapped;
          },
        };
      },
    });
    // Statements are prepared by then, so that it is the write itself whose answer is lost.
    const other = randomUUID();
    for (const word of ["a", "b"]) await store.add([rowOf(other, word)]);
    losesAnswers = true;
    expect(await store.add([rowOf(userId, "new"), rowOf(userId, "first")])).toMatchObject([{ seq: 2 }, { seq: 1 }]);
    expect(await seqsOf(near, userId)).toEqual([1, 2]);
  });

  it("stores nothing where it cannot read, says so within its deadline, and goes on when the cluster is back", async () => {
    const userId = randomUUID();
    const wire = await openWire();
    const far = await keyspace.open({ contactPoints: [wire.address], deadlineMs: 1_000 });
    const store = await openStore(far);
    await store.add([rowOf(userId, "a")]);
    wire.mute();
    await expect(store.add([rowOf(userId, "b")])).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await wire.refuse();
    await expect.poll(() => far.health().ok, LONG).toBe(false);
    await expect(store.box(environment, userId)).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await wire.accept();
    await expect.poll(() => far.health().ok, LONG).toBe(true);
    expect(await store.add([rowOf(userId, "b")])).toMatchObject([{ seq: 2 }]);
  });

  it("deletes what is pushed out, and what leads to it, and nothing that came again since", async () => {
    const userId = randomUUID();
    const store = await openStore();
    await store.add([rowOf(userId, "again"), rowOf(userId, "once")]);
    for (const from of [0, 60, 120]) await store.add(upTo(60).map((n) => rowOf(userId, `${from + n}`)));
    await store.add([rowOf(userId, "again")]);
    expect((await store.placed([rowOf(userId, "again"), rowOf(userId, "once")])).map((place) => place?.seq)).toEqual([183, undefined]);
    await store.add(upTo(60).map((n) => rowOf(userId, `later-${n}`)));
    await store.add([rowOf(userId, "again")]);
    const count = async (kind: number) => {
      const { rows } = await keyspace.execute(
        "SELECT count(*) AS n FROM KEYSPACE_inbox WHERE environment = ? AND user_id = ? AND kind = ?",
        [environment, userId, kind],
      );
      return Number(rows[0]?.n);
    };
    expect(await seqsOf(store, userId)).toEqual([240, 241, 242, 243, 244]);
    expect(await store.seqOf(environment, userId, "n-again")).toBe(244);
    expect(await store.seqOf(environment, userId, "n-once")).toBeUndefined();
    expect(await count(0)).toBeLessThan(150);
    expect(await count(1)).toBeLessThan(150);
    expect(await count(2)).toBeLessThan(150);
    await store.add(upTo(120).map((n) => rowOf(userId, `last-${n}`)));
    expect((await seqsOf(store, userId)).at(-1)).toBe(364);
  });

  it("stores many rows of one person, more than one write takes", async () => {
    const userId = randomUUID();
    const store = await openStore(session, 1_000);
    const placed = await store.add(upTo(250).map((n) => rowOf(userId, `${n}`)));
    expect(placed.map(({ seq }) => seq)).toEqual(upTo(250));
  });
});
