import { describe, expect, it } from "vitest";
import { openRedis, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { redisBreakers } from "./breaker.redis.ts";
import { breakerSuite } from "./breaker.suite.ts";

breakerSuite("in Redis", async () => {
  const connection = await openRedis();
  const clock = fakeClock();
  return { clock, breakers: redisBreakers({ connection, prefix: ownPrefix(connection), clock }) };
});

describe("circuit breakers in Redis", () => {
  it("count what workers on other connections meet, by the server's clock", async () => {
    const connection = await openRedis();
    const prefix = ownPrefix(connection);
    const workers = await Promise.all(Array.from({ length: 5 }, async () => redisBreakers({ connection: await openRedis(), prefix })));
    const told = await Promise.all(
      workers.map((breakers, at) => breakers.report({ integration: "smtp", generation: 0, holder: `w-${at}`, is: "failure" })),
    );
    expect(told.filter(({ changed }) => changed === "opened")).toHaveLength(1);
    const [state] = await redisBreakers({ connection, prefix }).read(["smtp"]);
    expect(state).toMatchObject({ phase: "open", generation: 1 });
    expect(state?.waitMs).toBeGreaterThan(30_000);
    expect(state?.waitMs).toBeLessThanOrEqual(60_000);
    expect(await connection.redis.pttl(`${prefix}breaker:smtp`)).toBeGreaterThan(24 * 3_600_000);
    // What somebody ordered does not end by itself.
    for (const [is, pttl] of [
      ["pause", -1],
      ["open", -1],
      ["resume", -1],
      ["auto", expect.toSatisfy((ms: number) => ms > 24 * 3_600_000)],
    ] as const) {
      await redisBreakers({ connection, prefix }).order("smtp", { is, by: "ck", why: "w" });
      expect(await connection.redis.pttl(`${prefix}breaker:smtp`)).toEqual(pttl);
    }
  });

  it("that hold what no script of theirs wrote are an error, not a closed breaker", async () => {
    const connection = await openRedis();
    const prefix = ownPrefix(connection);
    await connection.redis.hset(`${prefix}breaker:smtp`, "phase", "ajar");
    await expect(redisBreakers({ connection, prefix }).read(["smtp"])).rejects.toThrow("did not answer a phase");
  });
});
