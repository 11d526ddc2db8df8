/**
 * Whether what keeps the intents of sends that may happen at most once (platform/ledger/once.ts) answers, as those who ask it find.
 *
 * It is away while an answer takes longer than a second, and for a second after it failed to give one. Who asks next finds whether it is back.
 */
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";

export interface AnsweringNeeds {
  readonly clock: Clock;
  /** Called when it is found to be away, and again and again while it is. */
  readonly away: () => void;
}

export interface Answering {
  during<R>(call: () => Promise<R>): Promise<R>;
  isAway(): boolean;
}

const SLOW_MS = 1_000;
const AGAIN_MS = 1_000;

export const isUnavailable = (error: unknown): boolean => error instanceof Problem && error.reason === "STORE_UNAVAILABLE";

export function answeringOf({ clock, away }: AnsweringNeeds): Answering {
  /** Calls without an answer, by when they began; the oldest first. */
  const open = new Set<{ readonly sinceMs: number }>();
  let awayUntilMs = 0;
  let isWatching = false;

  function isSlow(): boolean {
    const [oldest] = open;
    return oldest !== undefined && clock.nowMs() - oldest.sinceMs >= SLOW_MS;
  }

  async function watch(): Promise<void> {
    isWatching = true;
    while (open.size > 0) {
      await clock.sleep(SLOW_MS);
      if (isSlow()) away();
    }
    isWatching = false;
  }

  return {
    async during(call) {
      const asked = { sinceMs: clock.nowMs() };
      open.add(asked);
      if (!isWatching) void watch();
      try {
        return await call();
      } catch (error) {
        if (isUnavailable(error)) {
          awayUntilMs = clock.nowMs() + AGAIN_MS;
          away();
        }
        throw error;
      } finally {
        open.delete(asked);
      }
    },
    isAway: () => isSlow() || clock.nowMs() < awayUntilMs,
  };
}
