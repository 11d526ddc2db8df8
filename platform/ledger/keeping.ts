/**
 * What a ledger must not forget, kept elsewhere before the ledger is told: what has been answered holds whatever the ledger loses. One that
 * has lost its data is told all of it again, and nothing is sent until it has been.
 */
import type { Cancel, Erased, Ledger, Suppressed } from "./ledger.ts";

/** One kind of what must not be forgotten. */
export interface Kept<T> {
  /** Durable. */
  keep(said: T): Promise<void>;
  /** All that has not run out, a page at a time. */
  all(nowMs: number): AsyncIterable<readonly T[]>;
  /** Forgets what has run out, at most so many; answers how many. */
  sweep(beforeMs: number, limit: number): Promise<number>;
}

export interface Keeps {
  readonly cancels: Kept<Cancel>;
  readonly suppressed: Kept<Suppressed>;
  readonly erased: Kept<Erased>;
}

/** What a ledger is told again. */
export type Told = Pick<Ledger, "cancel" | "suppress" | "erase">;

export const keeping = <L extends Ledger>(ledger: L, { cancels, suppressed, erased }: Keeps): L => ({
  ...ledger,
  async cancel(cancel: Cancel) {
    await cancels.keep(cancel);
    return ledger.cancel(cancel);
  },
  async suppress(said: Suppressed) {
    await suppressed.keep(said);
    return ledger.suppress(said);
  },
  async erase(said: Erased) {
    await erased.keep(said);
    return ledger.erase(said);
  },
});

/** Any number of times, from several processes at once. */
export async function tellAgain(ledger: Told, { cancels, suppressed, erased }: Keeps, nowMs: number): Promise<void> {
  for await (const page of cancels.all(nowMs)) await Promise.all(page.map((each) => ledger.cancel(each)));
  for await (const page of suppressed.all(nowMs)) await Promise.all(page.map((each) => ledger.suppress(each)));
  for await (const page of erased.all(nowMs)) await Promise.all(page.map((each) => ledger.erase(each)));
}
