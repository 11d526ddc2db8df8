/**
 * How much may be on its way into the log at once: enough to keep it busy, and little to wait behind.
 *
 * That follows from how soon it answers who is alone with it: a disk in some milliseconds, brokers that copy in some tens. It is not looked
 * at under load, where waiting for others would pass for the log's own slowness and let ever more in.
 */
import type { Clock } from "#platform/clock.ts";

/** In units of cost, which are about bytes: what a fast log takes in a millisecond, with as much again on the way. */
const COST_PER_MS = 64 * 1_024;
const LEAST_COST = 1_024 * 1_024;
const MOST_COST = 8 * LEAST_COST;
/** How much of the last answer goes into what is expected of the next. */
const WEIGHT = 1 / 8;

export class LogWindow {
  readonly #clock: Clock;
  #underway = 0;
  #answerMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One that is larger than all of it goes alone. */
  fits(cost: number): boolean {
    const most = Math.min(Math.max(LEAST_COST, this.#answerMs * COST_PER_MS), MOST_COST);
    return this.#underway === 0 || this.#underway + cost <= most;
  }

  /** It is on its way; answers how to say that the log has answered. */
  begin(cost: number): () => void {
    const isAlone = this.#underway === 0;
    const sinceMs = this.#clock.nowMs();
    this.#underway += cost;
    return () => {
      this.#underway -= cost;
      if (isAlone) this.#answerMs += WEIGHT * (Math.max(0, this.#clock.nowMs() - sinceMs) - this.#answerMs);
    };
  }
}
