/** Forgets what is older than the history is kept: a bounded bite at a time, so that the writer's queue never waits long for it. */
import type { Clock } from "#platform/clock.ts";
import type { Task } from "#platform/host.ts";
import type { HistoryStore } from "./store.ts";

const BITE = 500;
const BETWEEN_BITES_MS = 10;
const BETWEEN_SWEEPS_MS = 600_000;

export const forgetting = ({ store, clock, keptMs }: { store: HistoryStore; clock: Clock; keptMs: number }): Task => ({
  name: "forget-history",
  async run(signal) {
    while (!signal.aborted) {
      const gone = await store.sweep(clock.nowMs() - keptMs, BITE);
      await clock.sleep(gone >= BITE ? BETWEEN_BITES_MS : BETWEEN_SWEEPS_MS, signal);
    }
  },
});
