/**
 * Loading back what a Redis has lost, by one process of all that found it: the others wait for it to end, or to die.
 *
 * Who does it holds a claim with a token of its own in the same Redis, kept alive by its progress. The token fences it: the progress of one
 * whose claim ran out is not taken, and it cannot declare anything whole. A claim is of one run of the server, so that one that stood before a
 * restart keeps nobody waiting; a server that loses everything meanwhile loses the claim too, and whoever held it begins anew. How far it had
 * come stands beside the claim, and the next one goes on from there.
 */
import { randomUUID } from "node:crypto";
import type { Registry } from "prom-client";
import type { Clock } from "#platform/clock.ts";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { runScripts, script } from "#platform/redis/script.ts";
import { counter, gauge } from "#platform/telemetry/metric.ts";

export type Loss = "everything" | "last moments";

/** How far it has been loaded back. */
export interface Resuming {
  /** Where the one before had come to, as it said; undefined: nowhere. */
  readonly from: string | undefined;
  /** Everything up to there has been told. Rejects when somebody else is at it by now. */
  reached(place: string): Promise<void>;
}

export interface RestoringNeeds {
  readonly connection: RedisConnection;
  /** The key that says in which run of the server the ledger was last whole. */
  readonly key: string;
  /** Before every key. */
  readonly prefix: string;
  readonly restore: (lost: Loss, resuming: Resuming) => Promise<void>;
  readonly clock: Clock;
  /** Left out: nobody is told. */
  readonly metrics?: Registry | undefined;
}

/** Longer than reading and telling one page takes: then its process is taken for dead. */
const CLAIM_MS = 20_000;
const PROGRESS_KEPT_MS = 24 * 3_600_000;

const lua = (name: string) => script(new URL(`./restoring.${name}.lua`, import.meta.url));
const scripts = { claim: lua("claim"), reach: lua("reach"), end: lua("end") };

const running = gauge({
  name: "carillon_ledger_restoring",
  help: "1 while this process loads back what the ledger's Redis has lost. Nothing is sent meanwhile.",
  labels: {},
});
const ended = counter({
  name: "carillon_ledger_restores_total",
  help: "Times that this process loaded back what the ledger's Redis had lost.",
  labels: {
    lost: "everything, last moments",
    outcome: "whole; failed: it stopped, or was too slow, and another process, or this one a moment later, went on where it had come to",
  },
});

/** Answers whether the ledger is whole now; false: somebody else is at it. */
export function restoringOf({ connection, key, prefix, restore, clock, metrics }: RestoringNeeds): (lost: Loss) => Promise<boolean> {
  const { redis, name, logger } = connection;
  const [shown, counted] = metrics ? [running.on(metrics), ended.on(metrics)] : [];
  shown?.set(0);

  const ask = async (lua: keyof typeof scripts, keys: readonly string[], ...args: readonly (string | number)[]) =>
    (await runScripts(redis, [{ script: scripts[lua], keys, args }]))[0];

  return async (lost) => {
    const { runId } = connection.server;
    const token = randomUUID();
    const keys = [`${prefix}ledger:{${key}}:restorer:${runId}`, `${prefix}ledger:{${key}}:restored:${runId}`];
    const [isOurs, from] = (await ask("claim", keys, token, CLAIM_MS)) as [number, Uint8Array | null];
    if (isOurs !== 1) return false;
    const startedMs = clock.nowMs();
    const place = from ? String(from) : undefined;
    logger.warn(
      { redis: name, lost, resumes: place !== undefined },
      "the ledger is new, or lost entries: loading back what must be known before anything is sent",
    );
    shown?.set(1);
    let outcome = "failed";
    try {
      await restore(lost, {
        from: place,
        async reached(to) {
          if ((await ask("reach", keys, token, CLAIM_MS, to, PROGRESS_KEPT_MS)) !== 1)
            throw new Error("another process loads the ledger back by now");
        },
      });
      if ((await ask("end", [...keys, key], token, runId)) !== 1) throw new Error("the ledger lost entries again while it was loaded back");
      outcome = "whole";
      logger.warn({ redis: name, lost, tookMs: clock.nowMs() - startedMs }, "the ledger knows again what it must know");
      return true;
    } catch (error) {
      // So that nobody waits for this one, where it can still be said.
      await ask("end", [...keys, key], token, "").catch(() => undefined);
      throw error;
    } finally {
      shown?.set(0);
      counted?.inc({ lost, outcome });
    }
  };
}
