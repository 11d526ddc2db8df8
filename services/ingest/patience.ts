/**
 * A caller's patience with the log: it ends a little before the time of their call does, so that they hear LOG_UNAVAILABLE, which says to
 * repeat, instead of a deadline that says nothing. What was begun goes on, and holds what it holds until the log has answered.
 */
import type { HandlerContext } from "@connectrpc/connect";
import type { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";

/** What an answer needs to get there, of the time that is left. */
const ANSWER_SHARE = 0.1;
const ANSWER_MOST_MS = 500;

type Timed = Pick<HandlerContext, "timeoutMs" | "signal">;

/**
 * What `work` comes to, or `late` where it has called `handed` and has no end when the patience does. Before that it may still be refused
 * for what is wrong with it, and nothing was taken: then the deadline is the true answer.
 */
export function answerInTime<T>(
  { timeoutMs, signal }: Timed,
  { clock, late }: { readonly clock: Clock; readonly late: () => Problem },
  work: (handed: () => void) => Promise<T>,
): Promise<T> {
  const leftMs = timeoutMs();
  let isHanded = false;
  const working = work(() => {
    isHanded = true;
  });
  if (leftMs === undefined) return working;
  return new Promise<T>((resolve, reject) => {
    working.then(resolve, reject);
    const patienceMs = Math.ceil(leftMs - Math.min(leftMs * ANSWER_SHARE, ANSWER_MOST_MS));
    // The signal of an answered call aborts too, which ends the sleep.
    void clock.sleep(patienceMs, signal).then(() => {
      if (isHanded && !signal.aborted) reject(late());
    });
  });
}
