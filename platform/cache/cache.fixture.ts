/** A cache for the test of a store that is decorated with one: on the Redis of the engines, under a prefix of its own. */
import { Registry } from "prom-client";
import { inject } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import { openRedis, ownPrefix } from "#platform/redis/redis.fixture.ts";
import type { RedisCacheNeeds } from "./cache.redis.ts";

export async function cacheNeeds(): Promise<Omit<RedisCacheNeeds<never>, "name" | "codec" | "ttlMs">> {
  const connection = await openRedis({ url: inject("engines").redisCache, name: "cache" });
  const near = { fanout: memoryFanout(), ttlMs: 60_000, most: 1_000 };
  return { connection, prefix: ownPrefix(connection), near, metrics: new Registry(), clock: systemClock };
}
