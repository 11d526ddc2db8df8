/** Whether Kafka answers, asked for every few seconds: what a process says of itself must not wait for a question to the brokers. */
import type { Clock } from "#platform/clock.ts";
import type { Asking } from "./asking.ts";

const ASK_EVERY_MS = 5_000;
/** An append that is not acknowledged for so long says the same. */
const APPEND_LATE_MS = 10_000;

export interface HealthNeeds {
  readonly asking: Asking;
  readonly clock: Clock;
  readonly brokers: readonly string[];
  /** When the oldest append began that has not been acknowledged. */
  oldestAppendMs(): number | undefined;
}

export class Health {
  readonly #needs: HealthNeeds;
  readonly #stop = new AbortController();
  #answers = true;

  constructor(needs: HealthNeeds) {
    this.#needs = needs;
    void this.#ask();
  }

  now(): { ok: true } | { ok: false; why: string } {
    const { clock, brokers, oldestAppendMs } = this.#needs;
    if (!this.#answers) return { ok: false, why: `kafka: no broker answers (${brokers.join(", ")})` };
    const lateMs = clock.nowMs() - (oldestAppendMs() ?? Number.POSITIVE_INFINITY);
    if (lateMs > APPEND_LATE_MS)
      return { ok: false, why: `kafka: an append has not been acknowledged for ${Math.round(lateMs / 1_000)} s` };
    return { ok: true };
  }

  stop(): void {
    this.#stop.abort();
  }

  async #ask(): Promise<void> {
    const { asking, clock } = this.#needs;
    for (;;) {
      await clock.sleep(ASK_EVERY_MS, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      this.#answers = await asking.isAnyoneThere();
    }
  }
}
