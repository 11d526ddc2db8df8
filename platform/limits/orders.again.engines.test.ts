/** What an operator ordered, in a mesh whose ledger's Redis loses everything. */
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { redisLedger } from "#platform/ledger/ledger.redis.ts";
import { openRedis, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { testDatabase } from "../../test/engines/mysql.ts";
import { redisBreakers } from "./breaker.redis.ts";
import type { BreakerState } from "./breaker.ts";
import { mysqlOrders } from "./orders.mysql.ts";
import { orderAgain } from "./orders.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000, interval: 5 };

it("is told again before anybody is told a breaker's state, by whoever asks for that first", async () => {
  const database = await testDatabase();
  const orders = await mysqlOrders(await database.open({ metrics: new Registry() }));
  const connection = await openRedis();
  const prefix = ownPrefix(connection);
  const breakers = redisBreakers({ connection, prefix, missing: () => ledger.missing() });
  const ledger = await redisLedger({ connection, prefix, restore: () => orderAgain(breakers, orders) });
  const order = async (integration: string, is: "pause" | "open") =>
    breakers.order(integration, await orders.keep(integration, { is, by: "ck", why: "w", atMs: 5 }));
  await order("a", "pause");
  await order("b", "open");
  expect(await breakers.read(["a", "b"])).toMatchObject([{ paused: true }, { held: true, phase: "open" }]);
  const answers: (readonly BreakerState[])[] = [];
  await connection.redis.unlink(await connection.redis.keys(`${prefix}*`));
  await expect
    .poll(async () => {
      const answer = await breakers.read(["a", "b", "c"]).catch(() => undefined);
      if (answer) answers.push(answer);
      return answers.length;
    }, soon)
    .toBeGreaterThanOrEqual(3);
  for (const answer of answers)
    expect(answer).toMatchObject([{ paused: true }, { held: true, phase: "open", paused: false }, { paused: false, held: false }]);
  await database.end();
});
