import { describe, expect, it } from "vitest";
import { sentinelKey } from "#platform/ledger/sentinel.ts";
import { openRedis, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { redisBreakers } from "./breaker.redis.ts";
import { breakerSuite } from "./breaker.suite.ts";

const missing = () => undefined;

/** Beside a ledger that is whole. */
async function whole() {
  const connection = await openRedis();
  const prefix = ownPrefix(connection);
  await connection.redis.set(sentinelKey(prefix), connection.server.runId);
  return { connection, prefix };
}

breakerSuite("in Redis", async () => {
  const clock = fakeClock();
  return { clock, breakers: redisBreakers({ ...(await whole()), missing, clock }) };
});

describe("circuit breakers in Redis", () => {
  it("count what workers on other connections meet, by the server's clock", async () => {
    const { connection, prefix } = await whole();
    const workers = await Promise.all(
      Array.from({ length: 5 }, async () => redisBreakers({ connection: await openRedis(), prefix, missing })),
    );
    const told = await Promise.all(
      workers.map((breakers, at) => breakers.report({ integration: "smtp", generation: 0, holder: `w-${at}`, is: "failure" })),
    );
    expect(told.filter(({ changed }) => changed === "opened")).toHaveLength(1);
    const [state] = await redisBreakers({ connection, prefix, missing }).read(["smtp"]);
    expect(state).toMatchObject({ phase: "open", generation: 1 });
    expect(state?.waitMs).toBeGreaterThan(30_000);
    expect(state?.waitMs).toBeLessThanOrEqual(60_000);
    expect(await connection.redis.pttl(`${prefix}breaker:smtp`)).toBeGreaterThan(24 * 3_600_000);
    // What somebody ordered does not end by itself.
    let number = 0;
    for (const [is, pttl] of [
      ["pause", -1],
      ["open", -1],
      ["resume", -1],
      ["auto", expect.toSatisfy((ms: number) => ms > 24 * 3_600_000)],
    ] as const) {
      await redisBreakers({ connection, prefix, missing }).order("smtp", [{ is, number: ++number }]);
      expect(await connection.redis.pttl(`${prefix}breaker:smtp`)).toEqual(pttl);
    }
  });

  it("write nothing for an order that they know, so that one that is told again and again ends as any other does", async () => {
    const { connection, prefix } = await whole();
    const breakers = redisBreakers({ connection, prefix, missing });
    const key = `${prefix}breaker:smtp`;
    const standing = [{ is: "resume", number: 3 } as const, { is: "auto", number: 4 } as const];
    await breakers.order("smtp", standing);
    await connection.redis.pexpire(key, 60_000);
    const before = await connection.redis.hgetall(key);
    expect(await breakers.order("smtp", standing)).toMatchObject({ phase: "closed", held: false, paused: false });
    expect(await connection.redis.pttl(key)).toBeLessThanOrEqual(60_000);
    expect(await connection.redis.hgetall(key)).toEqual(before);
    await breakers.order("smtp", [{ is: "pause", number: 5 }]);
    expect(await connection.redis.pttl(key)).toBe(-1);
  });

  it("that hold what no script of theirs wrote are an error, not a closed breaker", async () => {
    const { connection, prefix } = await whole();
    await connection.redis.hset(`${prefix}breaker:smtp`, "phase", "ajar");
    await expect(redisBreakers({ connection, prefix, missing }).read(["smtp"])).rejects.toThrow("did not answer a phase");
  });

  it.each([
    ["has lost everything", undefined],
    ["may have lost its last moments", "another run"],
  ])("of a server that %s say nothing until the ledger beside them is whole, and say so", async (_what, run) => {
    const { connection, prefix } = await whole();
    let found = 0;
    const breakers = redisBreakers({ connection, prefix, missing: () => found++ });
    if (run === undefined) await connection.redis.unlink(sentinelKey(prefix));
    else await connection.redis.set(sentinelKey(prefix), run);
    for (const asked of [
      () => breakers.read(["smtp"]),
      () => breakers.probe({ integration: "smtp", holder: "w", leaseMs: 1 }),
      () => breakers.report({ integration: "smtp", generation: 0, holder: "w", is: "success" }),
    ])
      await expect(asked()).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    expect(found).toBe(3);
    // They are told meanwhile.
    await breakers.order("smtp", [{ is: "pause", number: 1 }]);
    await connection.redis.set(sentinelKey(prefix), connection.server.runId);
    expect(await breakers.read(["smtp"])).toMatchObject([{ paused: true }]);
  });
});
