import { createServer } from "node:net";
import { Writable } from "node:stream";
import { pino } from "pino";
import { Registry } from "prom-client";
import { describe, expect, inject, it, onTestFinished, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { connectRedis } from "./connect.ts";
import { redisProblem } from "./errors.ts";
import { openRedis, openWire, ownPrefix, redisNeeds } from "./redis.fixture.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000 };

const isReady = { ok: true, why: [] };

function logged() {
  const lines: { msg: string; why?: string }[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  return { lines, logger: pino({}, stream) };
}

/** A server that answers every command with these lines, in turn. */
async function impostor(...answers: string[]): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => socket.write(answers.length > 1 ? (answers.shift() as string) : (answers[0] as string)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `redis://127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe("a connection to Redis", () => {
  it("waits for a server that is not there yet, and says for what", async () => {
    const wire = await openWire();
    await wire.refuse();
    const { lines, logger } = logged();
    const coming = openRedis({ url: wire.url, name: "ledger" }, { logger });
    await vi.waitFor(() => expect(lines).toHaveLength(1), soon);
    expect(lines[0]).toMatchObject({
      msg: `waiting for Redis (ledger) at 127.0.0.1:${wire.port}`,
      why: expect.stringContaining("ECONNREFUSED"),
    });
    await wire.accept();
    expect((await coming).health()).toEqual(isReady);
  });

  it("stops waiting when it is told to", async () => {
    const wire = await openWire();
    await wire.refuse();
    const stop = new AbortController();
    const coming = connectRedis({ url: wire.url, name: "ledger" }, { ...redisNeeds(), signal: stop.signal });
    stop.abort(new Error("the process ends"));
    await expect(coming).rejects.toThrow("the process ends");
  });

  it("refuses wrong credentials with a sentence, without the password", async () => {
    const { redis } = await openRedis();
    const user = `test-${Math.random().toString(36).slice(2)}`;
    await redis.call("ACL", "SETUSER", user, "on", ">right", "~*", "+@all");
    const clean = await openRedis();
    onTestFinished(async () => void (await clean.redis.call("ACL", "DELUSER", user)));
    const url = new URL(inject("engines").redisLedger);
    url.username = user;
    url.password = "right";
    expect((await openRedis({ url: url.href })).health()).toEqual(isReady);
    url.password = "wrong";
    const refused = await connectRedis({ url: url.href, name: "ledger" }, redisNeeds()).catch((error) => error);
    expect(String(refused)).toMatch(/^RedisRefusal: Redis \(ledger\) at \S+ refuses these credentials: WRONGPASS/);
    expect(JSON.stringify({ ...refused })).not.toContain("wrong");
  });

  it("refuses too old a server with a sentence", async () => {
    const info = "# Server\r\nredis_version:5.0.14\r\nrun_id:abc\r\nloading:0\r\n";
    const url = await impostor("-ERR unknown command `HELLO`\r\n-ERR\r\n", `+OK\r\n`, `$${info.length}\r\n${info}\r\n`);
    await expect(connectRedis({ url, name: "cache" }, redisNeeds())).rejects.toThrow("is version 5.0.14; 6.2 or later is needed");
  });

  it("says of what is no Redis that it is none", async () => {
    const { lines, logger } = logged();
    const stop = new AbortController();
    const coming = connectRedis(
      { url: await impostor("HTTP/1.1 400 Bad Request\r\n\r\n"), name: "cache" },
      { ...redisNeeds(), logger, signal: stop.signal },
    );
    await vi.waitFor(() => expect(lines[0]?.why).toBe("what answers there does not speak Redis's protocol"), soon);
    stop.abort(new Error("enough"));
    await expect(coming).rejects.toThrow("enough");
  });

  it.each(["localhost:6379", "http://localhost:6379", "redis://h/db", "redis://"])("takes no address like %s", async (url) => {
    await expect(connectRedis({ url, name: "ledger" }, redisNeeds())).rejects.toThrow("must be a URL like redis://localhost:6379");
  });

  it("that is lost refuses commands at once, says so, and is made again", async () => {
    const wire = await openWire();
    const metrics = new Registry();
    const connection = await openRedis({ url: wire.url, name: "ledger" }, { metrics });
    const returned = vi.fn();
    const lost = vi.fn();
    connection.onReturn(returned);
    connection.onLost(lost);
    await wire.refuse();
    await vi.waitFor(() => expect(connection.health().ok).toBe(false), soon);
    const error = redisProblem(await connection.redis.get("x").catch((error) => error));
    expect(error).toBeInstanceOf(Problem);
    expect(error).toMatchObject({ reason: "STORE_UNAVAILABLE", retryAfterMs: 1_000 });
    expect(connection.health().why[0]).toMatch(/^Redis \(ledger\) cannot be reached: /);
    expect(lost).toHaveBeenCalledTimes(1);
    await wire.accept();
    await vi.waitFor(() => expect(returned).toHaveBeenCalledTimes(1), soon);
    expect(connection.health()).toEqual(isReady);
    expect(await connection.redis.ping()).toBe("PONG");
    const page = await metrics.metrics();
    expect(page).toContain('carillon_redis_connections_lost_total{redis="ledger"} 1');
    expect(page).toContain('carillon_redis_connected{redis="ledger"} 1');
  });

  it("to a server that says nothing any more gives up the command, then the connection", async () => {
    const wire = await openWire();
    const connection = await openRedis({ url: wire.url, commandTimeoutMs: 200 });
    const returned = vi.fn();
    connection.onReturn(returned);
    wire.hold();
    expect(redisProblem(await connection.redis.ping().catch((error) => error))).toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await vi.waitFor(() => expect(connection.health().ok).toBe(false), soon);
    wire.release();
    await vi.waitFor(() => expect(returned).toHaveBeenCalled(), soon);
    expect(await connection.redis.ping()).toBe("PONG");
  });

  it("does not run a command twice whose answer was lost", async () => {
    const wire = await openWire();
    const connection = await openRedis({ url: wire.url });
    const plain = await openRedis();
    const key = `${ownPrefix(plain)}counter`;
    const returned = vi.fn();
    connection.onReturn(returned);
    const asked = connection.redis.incr(key);
    wire.cut();
    await asked.catch(() => undefined);
    await vi.waitFor(() => expect(returned).toHaveBeenCalled(), soon);
    expect(Number((await plain.redis.get(key)) ?? 0)).toBeLessThanOrEqual(1);
  });
});
