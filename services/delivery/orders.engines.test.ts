/** What an operator orders of an integration in a mesh while the ledger's Redis is out of reach. */
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { ProvidersService } from "#gen/carillon/providers/v1/providers_pb.ts";
import { sentinelKey } from "#platform/ledger/sentinel.ts";
import { redisBreakers } from "#platform/limits/breaker.redis.ts";
import { mysqlOrders } from "#platform/limits/orders.mysql.ts";
import { openRedis, openWire, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { testDatabase } from "../../test/engines/mysql.ts";
import { deliveries } from "../../test/fakes/deliveries.ts";
import { tellingOrders } from "./orders.ts";
import { nullSender } from "./providers/email/null.ts";
import { providersClients } from "./service.fixture.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000 };
const { here, integration } = deliveries();

it("is kept, is said to be, and holds within a minute of when it is back", async () => {
  const database = await testDatabase();
  const orders = await mysqlOrders(await database.open({ metrics: new Registry() }));
  const wire = await openWire();
  const connection = await openRedis({ url: wire.url });
  const prefix = ownPrefix(await openRedis());
  await connection.redis.set(sentinelKey(prefix), connection.server.runId);
  const breakers = redisBreakers({ connection, prefix, missing: () => undefined });
  here.breakers = breakers;
  const { clock, logger, lines } = here.at;
  const clients = providersClients({ ...here, ...here.at, orders, integrations: [integration({ ...nullSender(), id: "primary" })] });
  const providers = clients(ProvidersService, "development");

  await wire.refuse();
  const problem = await providers.pauseIntegration({ id: "primary", why: "It loses mail." }).catch(problemFrom);
  expect(problem).toMatchObject({ reason: "STORE_UNAVAILABLE", message: expect.stringContaining("The order is kept") });
  const stop = new AbortController();
  const telling = tellingOrders({ breakers, orders, clock, logger }).run(stop.signal);
  await expect.poll(() => lines.some(({ msg }) => msg === "orders of integrations wait to be told"), soon).toBe(true);

  await wire.accept();
  await expect.poll(async () => (await breakers.read(["primary"]).catch(() => []))[0]?.paused, soon).toBe(false);
  await clock.advance(60_000);
  await expect.poll(async () => (await providers.getIntegration({ id: "primary" })).integration?.paused, soon).toBe(true);
  stop.abort();
  await telling;
  await database.end();
});
