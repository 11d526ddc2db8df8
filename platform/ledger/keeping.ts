/**
 * What a ledger must not forget, kept elsewhere before the ledger is told: what has been answered holds whatever the ledger loses. One that
 * has lost its data is told all of it again, and nothing is sent until it has been.
 */
import type { Cancel, Erased, Ledger, Suppressed } from "./ledger.ts";
import type { Resuming } from "./restoring.ts";

/** An environment, and what it is about there. */
export type Key = readonly [environment: string, about: string];

/** One kind of what must not be forgotten. */
export interface Kept<T> {
  /** Durable. */
  keep(said: T): Promise<void>;
  /** All that has not run out, a page at a time, in an order that stays; after what has that key. */
  all(nowMs: number, after?: Key): AsyncIterable<readonly T[]>;
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

/** Any number of times. Goes on after the place that was reached before. */
export async function tellAgain(
  ledger: Told,
  { cancels, suppressed, erased }: Keeps,
  nowMs: number,
  { from, reached }: Resuming,
): Promise<void> {
  const [firstKind = 0, ...after] = from === undefined ? [] : (JSON.parse(from) as [number, ...Key]);
  const kinds = [
    telling(
      cancels,
      (each) => ledger.cancel(each),
      ({ environment, notificationId }) => [environment, notificationId],
    ),
    telling(
      suppressed,
      (each) => ledger.suppress(each),
      ({ environment, whom }) => [environment, whom],
    ),
    telling(
      erased,
      (each) => ledger.erase(each),
      ({ environment, whom }) => [environment, whom],
    ),
  ];
  for (const [kind, tell] of kinds.entries()) {
    if (kind < firstKind) continue;
    for await (const key of tell(nowMs, kind === firstKind && after.length > 0 ? (after as unknown as Key) : undefined))
      await reached(JSON.stringify([kind, ...key]));
  }
}

/** Tells one kind page by page; yields the last key of each. */
const telling = <T>(kept: Kept<T>, tell: (each: T) => Promise<unknown>, keyOf: (each: T) => Key) =>
  async function* (nowMs: number, after: Key | undefined): AsyncGenerator<Key> {
    for await (const page of kept.all(nowMs, after)) {
      await Promise.all(page.map(tell));
      const last = page.at(-1);
      if (last !== undefined) yield keyOf(last);
    }
  };
