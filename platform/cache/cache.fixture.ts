/** Caches on the Redis of the engines, each under a prefix of its own, and what stands behind them. */
import { Registry } from "prom-client";
import { inject } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import { openRedis, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { type RedisCacheNeeds, redisCache } from "./cache.redis.ts";
import type { Cache, Codec } from "./cache.ts";

export async function cacheNeeds(): Promise<Omit<RedisCacheNeeds<never>, "name" | "codec" | "ttlMs">> {
  const connection = await openRedis({ url: inject("engines").redisCache, name: "cache" });
  const near = { fanout: memoryFanout(), ttlMs: 60_000, most: 1_000 };
  return { connection, prefix: ownPrefix(connection), near, metrics: new Registry(), clock: systemClock };
}

export const codec: Codec<string> = {
  encode: (value) => Buffer.from(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as string,
};

/** What a cache stands before; a read may be held between the moment that it looks and the moment that it answers. */
export class Store {
  readonly values = new Map<string, string>();
  readonly loads: string[][] = [];
  readonly held: (() => void)[] = [];
  isHolding = false;

  load = async (keys: readonly string[]): Promise<(string | undefined)[]> => {
    this.loads.push([...keys]);
    const found = keys.map((key) => this.values.get(key));
    if (this.isHolding) await new Promise<void>((resolve) => this.held.push(resolve));
    return found;
  };
  release = () => {
    this.isHolding = false;
    for (const go of this.held.splice(0)) go();
  };
}

/** Processes with one Redis and one fan-out between them. */
export async function openCache(more: Partial<RedisCacheNeeds<string>> = {}) {
  const { near: _, ...needs } = await cacheNeeds();
  const store = new Store();
  const another = (other: Partial<RedisCacheNeeds<string>> = {}) =>
    redisCache<string>({ ...needs, name: "words", ttlMs: 60_000, codec, ...more, ...other });
  return { ...needs, store, another, cache: await another() };
}

export const get = (cache: Cache<string>, store: Store, ...keys: string[]) => cache.get(keys, store.load);
export const put = (cache: Cache<string>, store: Store, key: string, value: string) =>
  cache.change([key], async () => void store.values.set(key, value));
