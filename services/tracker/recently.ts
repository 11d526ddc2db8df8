/** What was done a short while ago and need not be done again: so many keys at most, the oldest forgotten first. */
import type { Clock } from "#platform/clock.ts";

const MOST = 50_000;

export class Recently {
  readonly #clock: Clock;
  readonly #forMs: number;
  readonly #doneAtMs = new Map<string, number>();

  constructor({ clock, forMs }: { readonly clock: Clock; readonly forMs: number }) {
    this.#clock = clock;
    this.#forMs = forMs;
  }

  has(key: string): boolean {
    const doneAtMs = this.#doneAtMs.get(key);
    return doneAtMs !== undefined && Math.abs(this.#clock.nowMs() - doneAtMs) < this.#forMs;
  }

  add(key: string): void {
    this.#doneAtMs.delete(key);
    this.#doneAtMs.set(key, this.#clock.nowMs());
    const [oldest] = this.#doneAtMs.size > MOST ? this.#doneAtMs.keys() : [];
    if (oldest !== undefined) this.#doneAtMs.delete(oldest);
  }
}
