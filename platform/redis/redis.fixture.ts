/** Connections to the Redis that the tests of the engines share: each test under a prefix of its own, removed when it ends. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { Registry } from "prom-client";
import { inject, onTestFinished } from "vitest";
import { systemClock } from "#platform/clock.ts";
import type {} from "../../test/engines/addresses.ts";
import { type TcpProxy, tcpProxy } from "../../test/fakes/tcp-proxy.ts";
import { connectRedis, type RedisConnection, type RedisNeeds, type RedisOptions } from "./connect.ts";

export const redisNeeds = (): RedisNeeds => ({ logger: pino({ level: "silent" }), metrics: new Registry(), clock: systemClock });

/** To the ledger's Redis unless the options say otherwise; closed when the test ends. */
export async function openRedis(options: Partial<RedisOptions> = {}, needs: Partial<RedisNeeds> = {}): Promise<RedisConnection> {
  const connection = await connectRedis({ url: inject("engines").redisLedger, name: "test", ...options }, { ...redisNeeds(), ...needs });
  onTestFinished(() => connection.close());
  return connection;
}

/** Through a wire that the test may cut. */
export async function openWire(url = inject("engines").redisLedger): Promise<TcpProxy & { readonly url: string }> {
  const { hostname, port } = new URL(url);
  const wire = await tcpProxy({ host: hostname, port: Number(port) });
  onTestFinished(() => wire.close());
  return Object.assign(wire, { url: `redis://127.0.0.1:${wire.port}` });
}

/** A prefix of this test's own; its keys are removed when it ends. */
export function ownPrefix(connection: RedisConnection): string {
  const prefix = `test-${randomUUID()}:`;
  onTestFinished(async () => {
    for await (const keys of keysOf(connection, prefix)) await connection.redis.unlink(keys);
  });
  return prefix;
}

async function* keysOf({ redis }: RedisConnection, prefix: string): AsyncIterable<string[]> {
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 }) as AsyncIterable<string[]>)
    if (keys.length > 0) yield keys;
}

/** Whether a server of one's own can be had here; the engines' addresses may be another machine's. */
export const hasServer = spawnSync("redis-server", ["--version"]).status === 0;

/** A server that this test may kill. It logs every write before it answers. */
export async function ownServer() {
  const folder = mkdtempSync(join(tmpdir(), "carillon-redis-"));
  const port = await freePort();
  let server: ChildProcess | undefined;
  const start = () => {
    server = spawn("redis-server", [
      ...["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always"],
      ...["--loglevel", "warning"],
    ]);
  };
  const kill = async () => {
    const dying = server;
    server = undefined;
    if (!dying) return;
    const ended = once(dying, "exit");
    dying.kill("SIGKILL");
    await ended;
  };
  onTestFinished(async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  });
  start();
  return { url: `redis://127.0.0.1:${port}`, kill, start };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Brings every key's end nearer, as if so much time had passed. */
export async function age(connection: RedisConnection, prefix: string, ms: number): Promise<void> {
  for await (const keys of keysOf(connection, prefix)) {
    for (const key of keys) {
      const left = await connection.redis.pttl(key);
      if (left >= 0) await connection.redis.pexpire(key, Math.max(left - ms, 0));
    }
  }
}
