/**
 * Tells whether a Redis still knows what it was told, and lets nobody ask it before it does.
 *
 * A key stands beside the entries and names the run of the server that they were last known to be whole in. It is missing: the server is
 * new, or has lost everything. It names another run: the server died or gave way to a replica, and its last moments may be missing. Either
 * way what must be known is loaded back first, by one process of all (restoring.ts), then the key is written; until then every call is refused
 * as UNAVAILABLE. What nobody can load back are leases and outcomes: of those a send may happen once more (the promise: at most window x
 * partitions), unless it may happen at most once (once.ts).
 */
import { Problem } from "#domain/errors.ts";
import { type Clock, systemClock } from "#platform/clock.ts";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { redisProblem } from "#platform/redis/errors.ts";
import type { Readiness } from "#platform/telemetry/health.ts";
import type { Loss } from "./restoring.ts";

export interface SentinelNeeds {
  readonly connection: RedisConnection;
  readonly key: string;
  /** Any number of times; answers whether it is whole now, false: somebody else is at it. */
  readonly restore: (lost: Loss) => Promise<boolean>;
}

export interface Sentinel {
  /** Throws while what is there is not known to be whole. */
  check(): void;
  /** The key was found to be missing, on a connection that held. */
  missing(): void;
  health(): Readiness;
}

const AGAIN_MS = 1_000;

/** `prefix`: before every key. */
export const sentinelKey = (prefix: string): string => `${prefix}ledger:sentinel`;

/** Resolves when the server is known to be whole for the first time, or is lost before. */
export async function sentinelOf({ connection, key, restore }: SentinelNeeds, clock: Clock = systemClock): Promise<Sentinel> {
  const { redis, name, logger } = connection;
  let isWhole = false;
  let running: Promise<void> | undefined;
  /** Counts connections: what one was found to be says nothing of the next. */
  let run = 0;

  const verify = async (): Promise<boolean> => {
    const { runId } = connection.server;
    const known = await redis.get(key);
    return known === runId || restore(known === null ? "everything" : "last moments");
  };
  const verifyUntilWhole = async (): Promise<void> => {
    let isTold = false;
    while (redis.status === "ready" && !isWhole) {
      const verified = run;
      try {
        const isThere = await verify();
        if (isThere && verified === run) isWhole = true;
        if (isThere) continue;
        if (!isTold)
          logger.warn({ redis: name }, "the ledger is new, or lost entries, and another process loads them back: waiting for it");
        isTold = true;
        await clock.sleep(AGAIN_MS);
      } catch (error) {
        logger.warn({ redis: name, err: redisProblem(error) }, "the ledger is not known to be whole yet");
        await clock.sleep(AGAIN_MS);
      }
    }
  };
  const begin = () => {
    isWhole = false;
    run++;
    running ??= verifyUntilWhole().finally(() => {
      running = undefined;
    });
    return running;
  };
  connection.onLost(() => {
    isWhole = false;
    run++;
  });
  connection.onReturn(() => void begin());
  await begin();

  return {
    check() {
      if (!isWhole) throw new Problem("STORE_UNAVAILABLE", { retryAfterMs: AGAIN_MS, cause: new Error("the ledger is being loaded back") });
    },
    missing: () => void begin(),
    health: () => {
      const { ok, why } = connection.health();
      return { ok: ok && isWhole, why: ok && !isWhole ? ["the ledger lost entries, and what must be known is being loaded back"] : why };
    },
  };
}
