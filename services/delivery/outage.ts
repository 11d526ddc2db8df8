/**
 * Whether the provider serves anybody: told once when it stops and once when it does again, however many deliveries meet it meanwhile.
 *
 * What had begun before says nothing about after: only a send that began during the outage and was answered ends it. A provider that
 * stumbles again within a minute is not told of anew.
 */
import type { Logger } from "pino";
import type { Outcome } from "./sender.ts";

const QUIET_MS = 60_000;

export interface OutageWatch {
  /** What came of a send that began at `startedMs`. */
  met(outcome: Outcome, startedMs: number, nowMs: number): void;
}

export function outageWatch({ logger, provider }: { readonly logger: Logger; readonly provider: string }): OutageWatch {
  let sinceMs: number | undefined;
  let endedMs = Number.NEGATIVE_INFINITY;
  let deferred = 0;
  return {
    met(outcome, startedMs, nowMs) {
      if (outcome.is === "outage") {
        deferred++;
        if (sinceMs !== undefined || nowMs - endedMs < QUIET_MS) return;
        sinceMs = nowMs;
        deferred = 1;
        logger.warn({ provider, code: outcome.code }, "provider out: deliveries wait, and lose no attempt");
      } else if (outcome.is !== "unknown" && sinceMs !== undefined && startedMs >= sinceMs) {
        logger.warn({ provider, lastedMs: nowMs - sinceMs, deferrals: deferred }, "provider back");
        sinceMs = undefined;
        endedMs = nowMs;
      }
    },
  };
}
