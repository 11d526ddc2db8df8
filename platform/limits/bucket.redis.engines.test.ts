import { describe, expect, it } from "vitest";
import { openRedis, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { redisBuckets } from "./bucket.redis.ts";
import { bucketSuite } from "./bucket.suite.ts";
import type { Ask } from "./bucket.ts";

bucketSuite("in Redis", async () => {
  const connection = await openRedis();
  const clock = fakeClock();
  return { clock, buckets: redisBuckets({ connection, prefix: ownPrefix(connection), clock }) };
});

const ask = (more: Partial<Ask> = {}): Ask => ({
  ...{ integration: "smtp", rate: { perSecond: 200, burst: 50 }, holder: "w-1", back: 0, kept: 0, ahead: 0 },
  wanted: { high: 0, medium: 1_000, low: 0 },
  ...more,
});

describe("token buckets in Redis", () => {
  it("four workers on connections of their own get the rate of the server's time together, within 2%", async () => {
    const connection = await openRedis();
    const prefix = ownPrefix(connection);
    const nowUs = async () => {
      const [seconds, micros] = await connection.redis.time();
      return Number(seconds) * 1_000_000 + Number(micros);
    };
    const workers = await Promise.all(Array.from({ length: 4 }, async () => redisBuckets({ connection: await openRedis(), prefix })));
    let got = 0;
    let most = 0;
    const startUs = await nowUs();
    const untilUs = startUs + 3_000_000;
    await Promise.all(
      workers.map(async (buckets, at) => {
        for (;;) {
          const { granted } = await buckets.take(ask({ holder: `w-${at}` }));
          got += granted.medium;
          const soFar = got;
          const us = await nowUs();
          most = Math.max(most, soFar - ((us - startUs) / 1_000_000) * 200);
          if (us >= untilUs) return;
        }
      }),
    );
    const seconds = ((await nowUs()) - startUs) / 1_000_000;
    expect(most).toBeLessThanOrEqual(50);
    expect(got - 50).toBeGreaterThanOrEqual(200 * seconds * 0.98 - 4);
    expect(got - 50).toBeLessThanOrEqual(200 * seconds * 1.02);
  });

  it("keeps the bucket under its integration's name, for as long as it says anything", async () => {
    const connection = await openRedis();
    const prefix = ownPrefix(connection);
    const buckets = redisBuckets({ connection, prefix });
    await buckets.take(ask());
    const key = `${prefix}ratelimit:smtp:bucket`;
    expect(await connection.redis.pttl(key)).toBeLessThanOrEqual(6_000);
    await buckets.book({ integration: "smtp", rate: { perSecond: 1, burst: 1 }, lane: "low", count: 100 });
    await buckets.take(ask());
    expect(await connection.redis.pttl(key)).toBeGreaterThan(100_000);
  });

  it("knows its scripts again after the server has forgotten them, and says that it is away", async () => {
    const connection = await openRedis();
    const leaving = await openRedis();
    const buckets = redisBuckets({ connection: leaving, prefix: ownPrefix(connection) });
    await connection.redis.script("FLUSH");
    expect((await buckets.take(ask())).granted.medium).toBe(50);
    await leaving.close();
    await expect(buckets.take(ask())).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
  });
});
