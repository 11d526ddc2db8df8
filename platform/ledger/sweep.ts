/**
 * When an adapter forgets: on its own writes, a bounded bite at a time, so that no task has to be started and nobody waits long.
 *
 * Not within the first hour of a process: after a standstill of days, records that were under way are read again first, and must still
 * find what is known of them.
 */
import type { Clock } from "#platform/clock.ts";

/** Rows a bite. A write call adds fewer, so that bites always catch up. */
export const BITE = 1_000;
const BETWEEN_MS = 60_000;
const FIRST_AFTER_MS = 3_600_000;

/** Called after every write. `bite` answers whether there is more to forget; what it throws is left to the next bite. */
export function sweeper(clock: Clock, bite: (nowMs: number) => Promise<boolean> | boolean): () => void {
  let nextMs = clock.nowMs() + FIRST_AFTER_MS;
  return () => {
    const nowMs = clock.nowMs();
    if (nowMs < nextMs) return;
    nextMs = nowMs + BETWEEN_MS;
    void (async () => bite(nowMs))().then(
      (more) => {
        if (more) nextMs = nowMs;
      },
      () => undefined,
    );
  };
}
