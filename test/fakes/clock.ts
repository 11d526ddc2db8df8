/**
 * A clock that stands still until a test moves it on. Sleepers wake in the order they are due, each with its own due time as "now", and
 * what they set going gets its turn before the next one wakes: a test that advances an hour sees that hour happen step by step.
 */
import type { Clock } from "#platform/clock.ts";

export interface FakeClock extends Clock {
  /** Moves time on; resolves when everything that fell due has had its turn. Real I/O may take longer: wait for its effect. */
  advance(ms: number): Promise<void>;
  /** Sets the clock forward or back, as people do: who sleeps goes on sleeping for as long as they meant to. */
  set(byMs: number): void;
  /** How many sleep now. */
  sleepers(): number;
}

interface Sleeper {
  dueMs: number;
  wake(): void;
}

export function fakeClock(startMs = 1_700_000_000_000): FakeClock {
  let nowMs = startMs;
  const sleepers = new Set<Sleeper>();

  /** The first of those due; of several at the same moment the one that went to sleep first. */
  const first = (untilMs: number): Sleeper | undefined => {
    let found: Sleeper | undefined;
    for (const each of sleepers) if (each.dueMs <= untilMs && (!found || each.dueMs < found.dueMs)) found = each;
    return found;
  };

  return {
    nowMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        if (ms <= 0) return void setImmediate(resolve);
        const wake = () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const sleeper: Sleeper = { dueMs: nowMs + ms, wake };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", wake, { once: true });
      }),
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settled();
      for (let due = first(untilMs); due; due = first(untilMs)) {
        nowMs = Math.max(nowMs, due.dueMs);
        due.wake();
        await settled();
      }
      nowMs = untilMs;
    },
    set(byMs) {
      nowMs += byMs;
      for (const sleeper of sleepers) sleeper.dueMs += byMs;
    },
    sleepers: () => sleepers.size,
  };
}

/** Every promise that can resolve without I/O has, and what was put off to the next turns of the event loop has run. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
