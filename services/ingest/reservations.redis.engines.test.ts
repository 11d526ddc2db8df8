import { expect, it } from "vitest";
import { age, openRedis, openWire, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { redisReservations } from "./reservations.redis.ts";
import { reservationsSuite } from "./reservations.suite.ts";

reservationsSuite("Redis", async () => {
  const connection = await openRedis();
  const prefix = ownPrefix(connection);
  return { reservations: redisReservations({ connection, prefix }), pass: (ms) => age(connection, prefix, ms) };
});

const reservation = {
  ...{ environment: "development", notificationId: "n-a", hash: "h", requested: new Uint8Array([10, 49, 0, 10]), key: "development/ann" },
  ...{ acceptedAtMs: 1_000, accepted: false },
};

it("keeps bytes that look like its own writing, and ends when it would have without the mark", async () => {
  const connection = await openRedis();
  const prefix = ownPrefix(connection);
  const reservations = redisReservations({ connection, prefix });
  await reservations.reserve([{ ...reservation, key: "a\nb" }]);
  await age(connection, prefix, 23 * 3_600_000);
  await reservations.markAccepted("development", ["n-a", "n-b"]);
  expect(await reservations.get("development", "n-a")).toEqual({ ...reservation, key: "a\nb", accepted: true });
  expect(await reservations.get("development", "n-b")).toBeUndefined();
  const [key = ""] = await connection.redis.keys(`${prefix}*`);
  expect(await connection.redis.pttl(key)).toBeLessThanOrEqual(3_600_000);
});

it("is unavailable while its server is away, and says nothing of the request", async () => {
  const wire = await openWire();
  const reservations = redisReservations({ connection: await openRedis({ url: wire.url }), prefix: ownPrefix(await openRedis()) });
  await wire.refuse();
  for (const ask of [
    () => reservations.reserve([reservation]),
    () => reservations.markAccepted("development", ["n-a"]),
    () => reservations.get("development", "n-a"),
  ])
    await expect(ask()).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
});

it("takes a thousand of one call in one round trip", async () => {
  const connection = await openRedis();
  const reservations = redisReservations({ connection, prefix: ownPrefix(connection) });
  const many = Array.from({ length: 1_000 }, (_, place) => ({ ...reservation, notificationId: `n-${place}` }));
  expect(await reservations.reserve(many)).toEqual(many.map(() => undefined));
  expect(await reservations.reserve(many)).toEqual(many);
});
