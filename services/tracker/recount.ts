/** Keeps the stats up to date where they are counted anew: every minute, and more seldom where counting takes long. */
import type { Clock } from "#platform/clock.ts";
import type { Task } from "#platform/host.ts";

const EVERY_MS = 60_000;
/** At most this part of the time is spent on counting. */
const SHARE = 0.05;

export const recounting = ({ recount, clock }: { readonly recount: () => Promise<void>; readonly clock: Clock }): Task => ({
  name: "count-stats",
  async run(signal) {
    while (!signal.aborted) {
      const startedMs = clock.nowMs();
      await recount();
      await clock.sleep(Math.max(EVERY_MS, (clock.nowMs() - startedMs) / SHARE), signal);
    }
  },
});
