/**
 * A connection to one Redis: made at the start, however long the server takes to come, and again whenever it is lost.
 *
 * While it is away every command is refused at once; nothing waits in a queue, and nothing is sent a second time, since a command whose
 * answer was lost may have run. Each command has a deadline; a server that says nothing for as long loses its connection.
 */
import { isIP } from "node:net";
import { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Clock } from "#platform/clock.ts";
import { certificateFault } from "#platform/engines/certificate.ts";
import type { Readiness } from "#platform/telemetry/health.ts";
import { counter, gauge, lookUp } from "#platform/telemetry/metric.ts";
import { addressOf } from "./address.ts";
import { isRefused, RedisRefusal } from "./errors.ts";
import { isTooOld, oldest, type RedisServer, serverOf } from "./server.ts";

export interface RedisOptions {
  /** redis://[user:password@]host[:port][/database], rediss:// for TLS. */
  readonly url: string;
  /** What it is for, in the log, the metrics and CLIENT LIST: ledger, cache. */
  readonly name: string;
  readonly commandTimeoutMs?: number;
}

export interface RedisNeeds {
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  /** Ends the waiting for a server that does not come. */
  readonly signal?: AbortSignal;
}

export interface RedisConnection {
  readonly redis: Redis;
  readonly name: string;
  readonly logger: Logger;
  /** The server as it was when last connected to. */
  readonly server: RedisServer;
  /** Called after every reconnect; not for the first connection, which is there. */
  onReturn(listener: (server: RedisServer) => void): void;
  onLost(listener: () => void): void;
  health(): Readiness;
  close(): Promise<void>;
}

const COMMAND_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;
const LONGEST_BACKOFF_MS = 2_000;
/** How often a wait is told of. */
const TOLD_EVERY_MS = 10_000;

const connected = gauge({
  name: "carillon_redis_connected",
  help: "1 while the connection is there, else 0.",
  labels: { redis: "What it is for: ledger, cache, and fan-out for the connection that subscribes." },
});
const lost = counter({
  name: "carillon_redis_connections_lost_total",
  help: "Connections that were lost; each is made again.",
  labels: { redis: "as above" },
});

/** Rejects with a RedisRefusal when waiting would not help. */
export async function connectRedis(options: RedisOptions, needs: RedisNeeds): Promise<RedisConnection> {
  const { name, url, commandTimeoutMs = COMMAND_TIMEOUT_MS } = options;
  const { logger, metrics, clock, signal } = needs;
  const { host, port, db, username, password, tls } = addressOf(url);
  const what = `Redis (${name}) at ${host}:${port}`;
  const redis = new Redis({
    ...{ host, port, db, lazyConnect: true, connectionName: `carillon-${name}`, disableClientInfo: true },
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: isIP(host) === 0 ? { servername: host } : {} }),
    ...{ autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0, enableOfflineQueue: false, autoResubscribe: false },
    ...{ commandTimeout: commandTimeoutMs, socketTimeout: commandTimeoutMs, connectTimeout: CONNECT_TIMEOUT_MS },
    retryStrategy: (times) => Math.min(LONGEST_BACKOFF_MS, 25 * 2 ** times) * (0.75 + Math.random() / 2),
    // After a failover the old leader is there, and takes no writes: its name leads to the new one.
    reconnectOnError: ({ message }) => message.startsWith("READONLY"),
  });
  lookUp(connected, metrics, () => [{ labels: { redis: name }, value: redis.status === "ready" ? 1 : 0 }]);
  const losses = lost.on(metrics);
  losses.inc({ redis: name }, 0);

  let server: RedisServer | undefined;
  let why = "not connected yet";
  let toldMs = Number.NEGATIVE_INFINITY;
  let isUp = false;
  let isClosing = false;
  const returns: ((server: RedisServer) => void)[] = [];
  const losers: (() => void)[] = [];
  const tell = () => {
    if (clock.nowMs() - toldMs < TOLD_EVERY_MS) return;
    toldMs = clock.nowMs();
    logger.warn({ redis: name, why }, `waiting for ${what}`);
  };

  const first = new Promise<RedisServer>((resolve, reject) => {
    redis.on("error", (error: Error) => {
      why = sentenceOf(error);
      const untrusted = certificateFault(error.message);
      if (!server && untrusted !== undefined) reject(new RedisRefusal(`${what} ${untrusted}`));
      if (!server && isRefused(error)) reject(new RedisRefusal(`${what} refuses these credentials: ${error.message}`));
    });
    redis.on("reconnecting", tell);
    redis.on("ready", () => {
      redis.info().then(
        (info) => {
          const there = serverOf(info);
          toldMs = Number.NEGATIVE_INFINITY;
          if (!server && isTooOld(there)) reject(new RedisRefusal(`${what} is version ${there.version}; ${oldest} or later is needed.`));
          const isReturn = server !== undefined;
          server = there;
          isUp = true;
          resolve(there);
          if (!isReturn) return;
          logger.info({ redis: name }, `${what} is back`);
          for (const listener of returns) listener(there);
        },
        (error: Error) => {
          why = sentenceOf(error);
          if (!server && isRefused(error)) reject(new RedisRefusal(`${what} does not let its user run INFO: ${error.message}`));
          redis.disconnect(true);
        },
      );
    });
    redis.on("close", () => {
      if (!isUp || isClosing) return;
      isUp = false;
      losses.inc({ redis: name });
      for (const listener of losers) listener();
    });
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    if (signal?.aborted) reject(signal.reason);
  });
  redis.connect().catch(() => undefined);
  try {
    await first;
  } catch (error) {
    redis.disconnect();
    throw error;
  }

  return {
    ...{ redis, name, logger },
    get server() {
      return server as RedisServer;
    },
    onReturn: (listener) => void returns.push(listener),
    onLost: (listener) => void losers.push(listener),
    health: () => (redis.status === "ready" ? { ok: true, why: [] } : { ok: false, why: [`Redis (${name}) cannot be reached: ${why}`] }),
    async close() {
      isClosing = true;
      if (redis.status === "ready") await redis.quit().catch(() => undefined);
      redis.disconnect();
    },
  };
}

/** The sentence of an error, without the command that ioredis hangs on it. */
function sentenceOf({ message }: Error): string {
  return message.startsWith("Unknown RESP type") ? "what answers there does not speak Redis's protocol" : message;
}
