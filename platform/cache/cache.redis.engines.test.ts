import fc from "fast-check";
import { Registry } from "prom-client";
import { describe, expect, inject, it, vi } from "vitest";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import { openRedis, openWire } from "#platform/redis/redis.fixture.ts";
import { cacheNeeds, codec, get, openCache, put, Store } from "./cache.fixture.ts";
import { redisCache } from "./cache.redis.ts";
import type { Cache } from "./cache.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000 };

describe("a cache", () => {
  it("asks the store for what is not kept, once, and answers in the order asked", async () => {
    const { cache, store, metrics } = await openCache();
    store.values.set("a", "A").set("b", "B");
    expect(await get(cache, store, "a", "none", "a")).toEqual(["A", undefined, "A"]);
    expect(await get(cache, store, "b", "a", "none")).toEqual(["B", "A", undefined]);
    expect(store.loads).toEqual([
      ["a", "none"],
      ["b", "none"],
    ]);
    const page = await metrics.metrics();
    expect(page).toContain('carillon_cache_lookups_total{cache="words",answer="hit"} 1');
    expect(page).toContain('carillon_cache_lookups_total{cache="words",answer="miss"} 4');
    expect(await get(cache, store)).toEqual([]);
  });

  it("keeps values for their time", async () => {
    const { cache, store, connection, prefix } = await openCache({ ttlMs: 5_000 });
    store.values.set("a", "A");
    await get(cache, store, "a");
    const left = await connection.redis.pttl(`${prefix}cache:words:a`);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(5_000);
  });

  it("lets one of those ask who want the same at once, in a process", async () => {
    const { cache, store } = await openCache();
    store.values.set("a", "A").set("b", "B");
    const answers = await Promise.all(Array.from({ length: 50 }, (_, place) => get(cache, store, "a", ...(place % 2 ? ["b"] : []))));
    expect(answers.every(([a]) => a === "A")).toBe(true);
    expect(store.loads.flat().sort()).toEqual(["a", "b"]);
  });

  it("lets one of those ask who want the same at once, over processes", async () => {
    const { cache, store, another } = await openCache();
    store.values.set("a", "A");
    store.isHolding = true;
    const first = get(cache, store, "a");
    await vi.waitFor(() => expect(store.held).toHaveLength(1), soon);
    const others = await Promise.all(Array.from({ length: 5 }, () => another()));
    const rest = others.map((other) => get(other, store, "a"));
    store.release();
    expect(await Promise.all([first, ...rest])).toEqual(Array(6).fill(["A"]));
    expect(store.loads).toEqual([["a"]]);
  });

  it("does not wait for ever for a process that does not answer", async () => {
    const { cache, store, another } = await openCache();
    store.values.set("a", "A");
    store.isHolding = true;
    const stuck = get(cache, store, "a");
    await vi.waitFor(() => expect(store.held).toHaveLength(1), soon);
    store.isHolding = false;
    expect(await get(await another(), store, "a")).toEqual(["A"]);
    store.release();
    expect(await stuck).toEqual(["A"]);
  });

  it("tells a load's failure to who asked, and asks again for the next", async () => {
    const { cache, store } = await openCache();
    store.values.set("a", "A");
    const fails = async () => Promise.reject(new Error("the store is away"));
    const answers = await Promise.allSettled([cache.get(["a"], fails), get(cache, store, "a")]);
    expect(answers).toEqual([
      { status: "rejected", reason: new Error("the store is away") },
      { status: "fulfilled", value: ["A"] },
    ]);
    expect(await get(cache, store, "a")).toEqual(["A"]);
  });

  it("takes nothing for an answer that it cannot read", async () => {
    const { cache, store, connection, prefix } = await openCache();
    store.values.set("a", "A");
    await connection.redis.set(`${prefix}cache:words:a`, "Vnot JSON");
    expect(await get(cache, store, "a")).toEqual(["A"]);
    expect(await get(cache, store, "a")).toEqual(["A"]);
    expect(await get(cache, store, "a")).toEqual(["A"]);
    expect(store.loads).toHaveLength(2);
  });
});

describe("a write through a cache", () => {
  it("is seen by every process that asks afterwards", async () => {
    const { cache, store, another } = await openCache();
    const other = await another();
    await put(cache, store, "a", "old");
    expect([await get(cache, store, "a"), await get(other, store, "a")]).toEqual([["old"], ["old"]]);
    await put(cache, store, "a", "new");
    expect([await get(cache, store, "a"), await get(other, store, "a")]).toEqual([["new"], ["new"]]);
  });

  it.each(["the same process", "another process"])("keeps out what a read in %s had found before it", async (where) => {
    const { cache, store, another } = await openCache();
    const reader = where === "the same process" ? cache : await another();
    store.values.set("a", "old");
    store.isHolding = true;
    const reading = get(reader, store, "a");
    await vi.waitFor(() => expect(store.held).toHaveLength(1), soon);
    store.isHolding = false;
    await put(cache, store, "a", "new");
    expect(await get(cache, store, "a")).toEqual(["new"]);
    for (const go of store.held.splice(0)) go();
    expect(await reading).toEqual(["old"]);
    expect([await get(cache, store, "a"), await get(reader, store, "a")]).toEqual([["new"], ["new"]]);
  });

  it("whose process dies in between leaves nothing that was before", async () => {
    const { cache, store, another } = await openCache();
    const other = await another();
    await put(cache, store, "a", "old");
    await get(other, store, "a");
    const begun = Promise.withResolvers<void>();
    void cache.change(["a"], () => {
      store.values.set("a", "new");
      begun.resolve();
      return new Promise<never>(() => {});
    });
    await begun.promise;
    expect([await get(other, store, "a"), await get(other, store, "a")]).toEqual([["new"], ["new"]]);
    expect(store.loads).toHaveLength(3);
  });

  it("is what the next who ask are answered, while a read that began during it is still under way", async () => {
    const { cache, store } = await openCache();
    store.values.set("a", "old");
    const [begun, written] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const writing = cache.change(["a"], () => {
      begun.resolve();
      return written.promise;
    });
    await begun.promise;
    store.isHolding = true;
    const reading = get(cache, store, "a");
    await vi.waitFor(() => expect(store.held).toHaveLength(1), soon);
    store.isHolding = false;
    store.values.set("a", "new");
    written.resolve();
    await writing;
    expect(await get(cache, store, "a")).toEqual(["new"]);
    for (const go of store.held.splice(0)) go();
    expect(await reading).toEqual(["old"]);
    expect(await get(cache, store, "a")).toEqual(["new"]);
  });

  it("whose mark another has taken over still takes away what was kept in between", async () => {
    const { cache, store, another } = await openCache();
    const [other, reader] = [await another(), await another()];
    const begun = Promise.withResolvers<void>();
    const written = Promise.withResolvers<void>();
    await put(cache, store, "a", "old");
    const first = other.change(["a"], async () => {
      begun.resolve();
      await written.promise;
    });
    await begun.promise;
    const second = put(cache, store, "a", "new");
    await second;
    // The mark was the second one's by then, and is gone with it: this is kept until the first one ends.
    await get(reader, store, "a");
    store.values.set("a", "newest");
    written.resolve();
    await first;
    expect(await get(reader, store, "a")).toEqual(["newest"]);
  });

  it("that began later and has not ended keeps its mark when an earlier one ends", async () => {
    const { cache, store, another } = await openCache();
    const [other, reader] = [await another(), await another()];
    const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    store.values.set("a", "old");
    const hold = (cache: Cache<string>, place: 0 | 1, until: Promise<void>) =>
      cache.change(["a"], () => {
        begun[place].resolve();
        return until;
      });
    const earlier = hold(cache, 0, one.promise);
    await begun[0].promise;
    const later = hold(other, 1, two.promise);
    await begun[1].promise;
    one.resolve();
    await earlier;
    await get(reader, store, "a");
    await get(reader, store, "a");
    expect(store.loads).toHaveLength(2);
    two.resolve();
    await later;
  });

  it("that fails is told to the writer, and leaves nothing either", async () => {
    const { cache, store } = await openCache();
    await put(cache, store, "a", "old");
    await get(cache, store, "a");
    const fails = () => {
      store.values.set("a", "new");
      return Promise.reject(new Error("its answer was lost"));
    };
    await expect(cache.change(["a"], fails)).rejects.toThrow("its answer was lost");
    expect(await get(cache, store, "a")).toEqual(["new"]);
  });

  it("under any interleaving is what everybody is answered from then on", async () => {
    const needs = await cacheNeeds();
    const fanout = memoryFanout();
    const clock = { nowMs: () => 0, sleep: () => Promise.resolve() };
    const step = fc.oneof(
      fc.record({ is: fc.constant("read" as const), at: fc.nat(1) }),
      fc.record({ is: fc.constant("write" as const), at: fc.nat(1), isHeld: fc.boolean() }),
      fc.record({ is: fc.constant("answer" as const), which: fc.nat(5) }),
    );
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.boolean(), async (steps, isNear) => {
        const name = `words-${round++}`;
        const near = isNear ? { near: { fanout, ttlMs: 1_000, most: 10 } } : {};
        const { near: _, ...shared } = needs;
        const options = { ...shared, name, ttlMs: 60_000, codec, clock, ...near };
        const caches = [await redisCache<string>(options), await redisCache<string>(options)] as const;
        const store = new Store();
        let written = 0;
        let acknowledged = 0;
        store.values.set("a", "0");
        const reads: Promise<unknown>[] = [];
        const read = async (at: number) => {
          const since = acknowledged;
          const [found] = await get(caches[at] as Cache<string>, store, "a");
          // A read that another process has under way may be joined there while it lasts, and only there.
          if (isNear) expect(Number(found)).toBeGreaterThanOrEqual(since);
        };
        const holds: (() => void)[] = [];
        const write = async (at: number, isHeld: boolean) => {
          const value = ++written;
          await (caches[at] as Cache<string>).change(["a"], async () => {
            store.values.set("a", String(Math.max(value, Number(store.values.get("a")))));
            if (isHeld) await new Promise<void>((resolve) => holds.push(resolve));
          });
          acknowledged = Math.max(acknowledged, value);
        };
        store.isHolding = true;
        for (const each of steps) {
          if (each.is === "read") reads.push(read(each.at));
          else if (each.is === "write") reads.push(write(each.at, each.isHeld));
          else [...store.held.splice(each.which % 3, 1), ...holds.splice(each.which % 2, 1)].forEach((go) => void go());
          // One round trip, so that steps meet at every stage of one another.
          await needs.connection.redis.ping();
        }
        store.isHolding = false;
        const done = Promise.all(reads);
        let isDone = false;
        void done.finally(() => (isDone = true)).catch(() => undefined);
        while (!isDone) {
          for (const go of [...store.held.splice(0), ...holds.splice(0)]) go();
          await needs.connection.redis.ping();
        }
        await done;
        for (const cache of caches) expect(await get(cache, store, "a")).toEqual([String(written)]);
      }),
      { numRuns: 150 },
    );
  });
});

describe("a cache whose Redis is away", () => {
  it("asks the store, says so in the metrics, and is a cache again when it is back", async () => {
    const wire = await openWire(inject("engines").redisCache);
    const metrics = new Registry();
    const connection = await openRedis({ url: wire.url, name: "cache" });
    const { cache, store } = await openCache({ connection, metrics });
    store.values.set("a", "A");
    await get(cache, store, "a");
    await wire.refuse();
    await vi.waitFor(() => expect(connection.health().ok).toBe(false), soon);
    const together = await Promise.all([get(cache, store, "a"), get(cache, store, "a")]);
    expect(together).toEqual([["A"], ["A"]]);
    expect(store.loads).toEqual([["a"], ["a"]]);
    expect(await metrics.metrics()).toContain('carillon_cache_lookups_total{cache="words",answer="unavailable"} 1');
    await wire.accept();
    await vi.waitFor(() => expect(connection.health().ok).toBe(true), soon);
    expect(await get(cache, store, "a")).toEqual(["A"]);
    expect(store.loads).toHaveLength(2);
  });

  it("lets writes through, and tells what it owes as soon as it can", async () => {
    const wire = await openWire(inject("engines").redisCache);
    const metrics = new Registry();
    const connection = await openRedis({ url: wire.url, name: "cache" });
    const { cache, store, another } = await openCache({ metrics });
    const cut = await another({ connection });
    await put(cache, store, "a", "old");
    await get(cache, store, "a");
    await wire.refuse();
    await put(cut, store, "a", "new");
    expect(await get(cut, store, "a")).toEqual(["new"]);
    expect(await metrics.metrics()).toContain('carillon_cache_undropped_total{cache="words"} 1');
    await wire.accept();
    await vi.waitFor(async () => expect(await get(cache, store, "a")).toEqual(["new"]), soon);
  });
});
