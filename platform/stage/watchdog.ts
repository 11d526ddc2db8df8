/**
 * Sees when a stage stands still: records handed out, none of them settled for a minute, and nobody said that this is on purpose.
 *
 * Batches whose records fail and come again count too, and so does a settle that the log does not take.
 */
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import type { Group, OpenBatch } from "./batch.ts";
import type { StageMetrics } from "./metrics.ts";

const STALLED_AFTER_MS = 60_000;
const LOOK_EVERY_MS = 5_000;

/** What stands still: how many records, and for how long the longest. */
export interface Standstill {
  readonly records: number;
  readonly ms: number;
}

export interface Watched {
  readonly batches: () => Iterable<OpenBatch<unknown>>;
  readonly failing: () => Iterable<Group<unknown>>;
  readonly settling: () => { readonly sinceMs: number; readonly records: number } | undefined;
}

export function standstill({ batches, failing, settling }: Watched, nowMs: number): Standstill | undefined {
  let records = 0;
  let ms = 0;
  const consider = (count: number, sinceMs: number) => {
    if (nowMs - sinceMs <= STALLED_AFTER_MS || count === 0) return;
    records += count;
    ms = Math.max(ms, nowMs - sinceMs);
  };
  for (const batch of batches()) {
    const open = batch.open().length;
    if (open !== batch.openBefore) {
      batch.openBefore = open;
      batch.sinceMs = nowMs;
    }
    consider(open, Math.max(batch.sinceMs, batch.waitingUntilMs));
  }
  for (const { entries, sinceMs } of failing()) consider(entries.filter((entry) => !entry.settled && !entry.lane.lost).length, sinceMs);
  const commit = settling();
  if (commit) consider(commit.records, commit.sinceMs);
  return records > 0 ? { records, ms } : undefined;
}

/** Looks again and again until the signal aborts; tells once when a standstill begins and once when it ends. */
export async function watch(
  watched: Watched,
  { stage, clock, logger, metrics, signal }: { stage: string; clock: Clock; logger: Logger; metrics: StageMetrics; signal: AbortSignal },
): Promise<void> {
  let stalled = false;
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal);
    const found = standstill(watched, clock.nowMs());
    metrics.stalled(found?.records ?? 0);
    if (found && !stalled) logger.error({ stage, records: found.records, forMs: found.ms }, "stage stands still");
    if (!found && stalled) logger.info({ stage }, "stage moves again");
    stalled = found !== undefined;
  }
}
