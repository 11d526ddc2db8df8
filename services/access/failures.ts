/**
 * How many credentials one address may get wrong: 20 at once, and one more every 3 s. Whoever is over is told when to come again.
 *
 * It slows down who fails, and nobody else: a good key passes whatever its neighbours behind the same address do. 256 random bits need no
 * lock-out, and one forgotten job with an old key must not be able to shut out the service beside it.
 */
import type { Clock } from "#platform/clock.ts";
import { networkOf } from "#platform/rpc/network.ts";

const MOST_AT_ONCE = 20;
const ONE_EVERY_MS = 3_000;
/** Beyond this the address that failed longest ago is forgotten. */
const MOST_ADDRESSES = 10_000;

export class Failures {
  readonly #clock: Clock;
  /** By network, the one that failed last at the end: when its failures will have been forgiven. */
  readonly #forgivenMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts one; answers for how long this address has to wait, 0 while it is within its bounds. */
  met(address: string): number {
    const nowMs = this.#clock.nowMs();
    const network = networkOf(address);
    const forgivenMs = Math.max(this.#forgivenMs.get(network) ?? 0, nowMs) + ONE_EVERY_MS;
    const overMs = forgivenMs - nowMs - MOST_AT_ONCE * ONE_EVERY_MS;
    this.#forgivenMs.delete(network);
    // Not counted on beyond the bound: who goes on knocking does not have to wait the longer for it.
    this.#forgivenMs.set(network, overMs > 0 ? forgivenMs - ONE_EVERY_MS : forgivenMs);
    for (const [oldest] of this.#forgivenMs) {
      if (this.#forgivenMs.size <= MOST_ADDRESSES) break;
      this.#forgivenMs.delete(oldest);
    }
    return Math.max(0, overMs);
  }
}
