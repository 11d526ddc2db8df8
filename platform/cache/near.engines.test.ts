import { Registry } from "prom-client";
import { describe, expect, inject, it, onTestFinished, vi } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import { redisFanout } from "#platform/fanout/fanout.redis.ts";
import { openRedis, openWire, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { get, openCache, put } from "./cache.fixture.ts";

describe("copies in a process", () => {
  const nearby = async (ttlMs = 1_000) => {
    let nowMs = 0;
    const inner = memoryFanout();
    const news: (() => void)[] = [];
    const fanout = {
      ...inner,
      subscribe: (channel: string, hear: (message: Uint8Array) => void, missed: () => void) => {
        news.push(missed);
        return inner.subscribe(channel, hear, missed);
      },
    };
    const clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() };
    const metrics = new Registry();
    const all = await openCache({ near: { fanout, ttlMs, most: 2 }, clock, metrics });
    const near = async () => {
      const page = await metrics.metrics();
      return Number(/answer="near"} (\d+)/.exec(page)?.[1] ?? 0);
    };
    return { ...all, fanout, near, pass: (ms: number) => (nowMs += ms), miss: () => news.forEach((each) => void each()) };
  };

  it("are asked first, for their time, and as many as there is room for", async () => {
    const { cache, store, near, pass } = await nearby();
    for (const key of ["a", "b", "c"]) store.values.set(key, key);
    await get(cache, store, "a");
    await get(cache, store, "a");
    expect(await near()).toBe(1);
    pass(1_000);
    await get(cache, store, "a");
    expect(await near()).toBe(1);
    await get(cache, store, "b", "c");
    await get(cache, store, "c", "b");
    expect(await near()).toBe(3);
    await get(cache, store, "a");
    expect(await near()).toBe(3);
    expect(store.loads).toEqual([["a"], ["b", "c"]]);
  });

  it("are dropped when another process writes, and all of them when its news may have been lost", async () => {
    const { cache, store, another, near, fanout, miss } = await nearby();
    const other = await another();
    await put(cache, store, "a", "old");
    await get(cache, store, "a");
    await put(other, store, "a", "new");
    expect(await get(cache, store, "a")).toEqual(["new"]);
    const { publish } = fanout;
    fanout.publish = () => {};
    await put(other, store, "a", "newer");
    fanout.publish = publish;
    expect(await get(cache, store, "a")).toEqual(["new"]);
    expect(await near()).toBe(1);
    miss();
    expect(await get(cache, store, "a")).toEqual(["newer"]);
  });

  it("are told of each other's writes over the cache's own Redis, and may be old for no longer than its listening connection is away", async () => {
    const url = inject("engines").redisCache;
    const wire = await openWire(url);
    const process = async (listens: string) => {
      const publisher = await openRedis({ url, name: "cache" });
      const subscriber = await openRedis({ url: listens, name: "cache news" });
      const fanout = await redisFanout({ publisher, subscriber, prefix, metrics: new Registry(), clock: systemClock });
      onTestFinished(() => fanout.close());
      return { near: { fanout, ttlMs: 3_600_000, most: 10 } };
    };
    const prefix = ownPrefix(await openRedis({ url, name: "cache" }));
    const { cache, store, another } = await openCache(await process(wire.url));
    const other = await another(await process(url));
    const asked = async () => (await get(cache, store, "a"))[0];
    await put(cache, store, "a", "old");
    expect(await asked()).toBe("old");
    await put(other, store, "a", "new");
    await vi.waitFor(async () => expect(await asked()).toBe("new"));
    await wire.refuse();
    await put(other, store, "a", "newer");
    await wire.accept();
    await vi.waitFor(async () => expect(await asked()).toBe("newer"), { timeout: 10_000 });
  });
});
