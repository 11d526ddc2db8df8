import { Registry } from "prom-client";
import { describe, expect, it, vi } from "vitest";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { openRedis, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { attemptOf } from "./ledger.fixture.ts";
import { type RedisLedgerNeeds, redisLedger } from "./ledger.redis.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000 };

describe("several processes that find the ledger lost", () => {
  /** Tells three pages; waits behind the first until it may go on. */
  const paged = (name: string, told: string[], gate: Promise<void> = Promise.resolve()): RedisLedgerNeeds["restore"] =>
    async function restore(_lost, _ledger, { from, reached }) {
      for (const page of ["1", "2", "3"]) {
        if (from !== undefined && page <= from) continue;
        told.push(`${name} ${page}`);
        await reached(page);
        if (page === "1") await gate;
      }
    };
  const claimsOf = (plain: RedisConnection, prefix: string) => plain.redis.keys(`${prefix}ledger:{*}:restorer:*`);
  const starting = async (prefix: string, restore: RedisLedgerNeeds["restore"], metrics = new Registry()) => {
    const connection = await openRedis();
    return { connection, metrics, ledger: redisLedger({ connection, prefix, restore, metrics }) };
  };

  it("load it back once between them, and the others wait until it is whole", async () => {
    const plain = await openRedis();
    const prefix = ownPrefix(plain);
    const told: string[] = [];
    const gate = Promise.withResolvers<void>();
    const one = await starting(prefix, paged("one", told, gate.promise));
    await vi.waitFor(() => expect(told).toEqual(["one 1"]), soon);
    const other = await starting(prefix, paged("other", told));
    let isWhole = false;
    void other.ledger.then(() => {
      isWhole = true;
    });
    await plain.redis.get("so that the other has asked");
    expect(isWhole).toBe(false);
    expect(await one.metrics.metrics()).toContain("carillon_ledger_restoring 1");
    gate.resolve();
    expect((await (await one.ledger).intend([attemptOf()]))[0]?.is).toBe("send");
    expect((await (await other.ledger).intend([attemptOf({ worker: "w-2" })]))[0]?.is).toBe("leased");
    expect(told).toEqual(["one 1", "one 2", "one 3"]);
    const page = await one.metrics.metrics();
    expect(page).toContain('carillon_ledger_restores_total{lost="everything",outcome="whole"} 1');
    expect(page).toContain("carillon_ledger_restoring 0");
    expect(await claimsOf(plain, prefix)).toEqual([]);
  });

  it("of which the one that does it dies: another goes on where it had come to, and what the dead one says then counts no more", async () => {
    const plain = await openRedis();
    const prefix = ownPrefix(plain);
    const told: string[] = [];
    const stalled = Promise.withResolvers<void>();
    const one = await starting(prefix, paged("one", told, stalled.promise));
    await vi.waitFor(() => expect(told).toEqual(["one 1"]), soon);
    const gate = Promise.withResolvers<void>();
    const other = await starting(prefix, async (lost, ledger, resuming) => {
      told.push(`other from ${resuming.from}`);
      await gate.promise;
      await paged("other", told)(lost, ledger, resuming);
    });
    // Its time is over.
    for (const claim of await claimsOf(plain, prefix)) await plain.redis.pexpire(claim, 1);
    await vi.waitFor(() => expect(told).toEqual(["one 1", "other from 1"]), soon);
    stalled.resolve();
    await vi.waitFor(async () => expect(await one.metrics.metrics()).toContain('outcome="failed"} 1'), soon);
    expect(await plain.redis.exists(`${prefix}ledger:sentinel`)).toBe(0);
    gate.resolve();
    expect((await (await other.ledger).intend([attemptOf()]))[0]?.is).toBe("send");
    await one.ledger;
    expect(told).toEqual(["one 1", "other from 1", "one 2", "other 2", "other 3"]);
  });

  it("of which the one that does it fails: it goes on itself, or another does, at once", async () => {
    const plain = await openRedis();
    const prefix = ownPrefix(plain);
    const froms: (string | undefined)[] = [];
    const one = await starting(prefix, async (_lost, _ledger, { from, reached }) => {
      froms.push(from);
      if (from === "1") return;
      await reached("1");
      throw new Error("MySQL is away");
    });
    await one.ledger;
    expect(froms).toEqual([undefined, "1"]);
  });

  it("and lose it again meanwhile begin anew: what was told before the second loss is not whole", async () => {
    const plain = await openRedis();
    const prefix = ownPrefix(plain);
    const froms: (string | undefined)[] = [];
    const one = await starting(prefix, async (_lost, _ledger, { from, reached }) => {
      froms.push(from);
      await reached("1");
      if (froms.length === 1) await plain.redis.unlink(await plain.redis.keys(`${prefix}*`));
    });
    await one.ledger;
    expect(froms).toEqual([undefined, undefined]);
  });
});
