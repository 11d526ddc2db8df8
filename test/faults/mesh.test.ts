/** The mesh on engines that are missing, full or killed, and a death in the middle of a send, in short. All that may happen is in long/. */
import { expect, it } from "vitest";
import { startProcess } from "../../deploy/local/engine.ts";
import { plansOf } from "../../deploy/local/services.ts";
import { tcpProxy } from "../fakes/tcp-proxy.ts";
import { getJson, post } from "../world/clients.ts";
import type { Fault } from "./fault.ts";
import { meshOfFile } from "./mesh-of-file.ts";
import { brokerKilled } from "./rows/brokers.ts";
import { deathAt } from "./rows/deaths.ts";
import { full } from "./rows/engines.ts";

/** So that its row in docs/reliability.md is its own. */
const inOne = (fault: Fault): Fault => ({ ...fault, name: `${fault.name}, Carillon in one process` });

const { own, recount } = meshOfFile(
  { brokers: 3, oneProcess: true },
  [brokerKilled, deathAt("email-workers", "after provider call", "carillon"), full("redisLedger")].map(inOne),
);
const PATIENCE = { timeout: 60_000, interval: 100 };

it("a process whose engines are missing says which, turns callers away, and starts by itself when the last has come", {
  timeout: 300_000,
}, async () => {
  const { kafka, mysql, redisLedger, redisCache, cassandra } = own().engines.addresses;
  const [broker = ""] = kafka;
  const missing = async (address: string) => {
    const { hostname, port } = new URL(address.includes("://") ? address : `tcp://${address}`);
    const proxy = await tcpProxy({ host: hostname, port: Number(port) });
    await proxy.refuse();
    return proxy;
  };
  const proxies = {
    Kafka: await missing(broker),
    MySQL: await missing(mysql),
    "Redis (ledger)": await missing(redisLedger),
    "Redis (cache)": await missing(redisCache),
    Cassandra: await missing(cassandra),
  };
  const settings = await own().install({
    oneProcess: true,
    env: {
      CARILLON_KAFKA_BROKERS: `127.0.0.1:${proxies.Kafka.port}`,
      CARILLON_MYSQL_URL: `mysql://root@127.0.0.1:${proxies.MySQL.port}/missing`,
      CARILLON_REDIS_LEDGER_URL: `redis://127.0.0.1:${proxies["Redis (ledger)"].port}`,
      CARILLON_REDIS_CACHE_URL: `redis://127.0.0.1:${proxies["Redis (cache)"].port}`,
      CARILLON_CASSANDRA_CONTACT_POINTS: `127.0.0.1:${proxies.Cassandra.port}`,
    },
  });
  const [plan] = plansOf(settings);
  if (!plan) throw new Error("nothing is planned");
  const giveUp = new AbortController();
  const starting = startProcess(plan, giveUp.signal);
  starting.catch(() => {});
  const url = `http://127.0.0.1:${plan.port}`;
  const awaited = async (): Promise<string[]> => (await getJson(`${url}/readyz`)).body.why;
  try {
    for (const [engine, proxy] of Object.entries(proxies)) {
      await expect.poll(awaited, PATIENCE).toContain(`waiting for ${engine}`);
      expect((await awaited())[0]).toBe("starting");
      const refused = await post(`${url}/notify`, { message: "Hello" });
      expect([refused.status, refused.body.error.reason]).toEqual([503, "STARTING"]);
      expect(refused.headers.get("retry-after")).toBe("1");
      expect((await getJson(`${url}/healthz`)).status).toBe(200);
      await proxy.accept();
    }
    const running = await starting;
    expect(await getJson(`${url}/readyz`)).toEqual({ status: 200, body: { ok: true, why: [] } });
    await running.stop();
    expect(await running.ended).toBe("ended with exit code 0");
  } finally {
    giveUp.abort(new Error("the test is over"));
    await Promise.all(Object.values(proxies).map((proxy) => proxy.close()));
  }
});

recount();
