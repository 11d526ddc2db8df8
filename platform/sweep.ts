/** Forgets what has been kept long enough: a bounded bite at a time, so that nobody else who writes waits long for it. */
import type { Clock } from "#platform/clock.ts";
import type { Task } from "#platform/host.ts";

const BITE = 500;
const BETWEEN_BITES_MS = 10;
const BETWEEN_SWEEPS_MS = 600_000;

export interface Sweepable {
  /** Forgets what is older, at most about so much of it; answers how much. */
  sweep(beforeMs: number, limit: number): Promise<number>;
}

export const sweeping = ({ name, store, clock, keptMs }: { name: string; store: Sweepable; clock: Clock; keptMs: number }): Task => ({
  name,
  async run(signal) {
    while (!signal.aborted) {
      const gone = await store.sweep(clock.nowMs() - keptMs, BITE);
      await clock.sleep(gone >= BITE ? BETWEEN_BITES_MS : BETWEEN_SWEEPS_MS, signal);
    }
  },
});
