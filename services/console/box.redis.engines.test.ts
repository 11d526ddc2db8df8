import { expect, inject, it } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { openRedis, openWire, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { redisBoxes } from "./box.redis.ts";
import { boxSuite } from "./box.suite.ts";

const url = inject("engines").redisCache;
const mail = { raw: Buffer.from("Subject: Hello\r\n\r\nx"), from: "a@example.test", to: ["b@example.test"] };

async function opened() {
  const connection = await openRedis({ url });
  const prefix = ownPrefix(connection);
  return { connection, prefix, boxes: redisBoxes({ connection, prefix, clock: systemClock }) };
}

boxSuite("Redis", async () => (await opened()).boxes);

it("one process reads what another has kept", async () => {
  const { boxes, prefix } = await opened();
  const other = redisBoxes({ connection: await openRedis({ url }), prefix, clock: systemClock });
  await boxes("staging").keep(mail);
  expect(await other("staging").messages()).toMatchObject([{ subject: "Hello" }]);
  expect(await other("staging").version()).toBe(await boxes("staging").version());
});

it("many at once keep to the bounds", async () => {
  const { boxes } = await opened();
  await Promise.all(Array.from({ length: 1_100 }, () => boxes("staging").keep(mail)));
  expect(await boxes("staging").messages()).toHaveLength(1_000);
});

it("a mailbox is one key, which ends by itself a week after its last mail", async () => {
  const { boxes, connection, prefix } = await opened();
  await boxes("staging").keep(mail);
  const keys = await connection.redis.keys(`${prefix}*`);
  expect(keys).toEqual([`${prefix}mailbox:staging`]);
  const leftMs = await connection.redis.pttl(keys[0] as string);
  expect(leftMs / 86_400_000).toBeCloseTo(7, 1);
});

it("is unavailable while its server is away", async () => {
  const wire = await openWire(url);
  const connection = await openRedis({ url: wire.url });
  const box = redisBoxes({ connection, prefix: ownPrefix(await openRedis({ url })), clock: systemClock })("staging");
  await wire.refuse();
  for (const ask of [() => box.keep(mail), () => box.messages(), () => box.message("m-1"), () => box.version(), () => box.empty()])
    await expect(ask()).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
});
