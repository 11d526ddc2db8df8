/** What the ledger must not forget, kept elsewhere (platform/ledger/keeping.ts): in memory, for as long as a simulated run lasts. */
import type { Keeps, Kept, Key } from "#platform/ledger/keeping.ts";

/** So few that a restore has several to go through. */
const PAGE = 2;

interface Kind<T> {
  readonly keyOf: (said: T) => Key;
  readonly untilMs: (said: T) => number;
  /** Of two that are said of the same. */
  readonly isNewer: (one: T, other: T) => boolean;
}

function kept<T>({ keyOf, untilMs, isNewer }: Kind<T>): Kept<T> {
  const all = new Map<string, T>();
  const nameOf = (key: Key) => JSON.stringify(key);
  return {
    async keep(said) {
      const name = nameOf(keyOf(said));
      const there = all.get(name);
      if (there === undefined || isNewer(said, there)) all.set(name, said);
    },
    async *all(nowMs, after) {
      let last = after && nameOf(after);
      for (;;) {
        const left = [...all.keys()].sort().filter((name) => last === undefined || name > last);
        const names = left.filter((name) => untilMs(all.get(name) as T) >= nowMs).slice(0, PAGE);
        yield names.map((name) => all.get(name) as T);
        if (names.length < PAGE) return;
        last = names.at(-1);
      }
    },
    async sweep(beforeMs, limit) {
      const gone = [...all].filter(([, said]) => untilMs(said) < beforeMs).slice(0, limit);
      for (const [name] of gone) all.delete(name);
      return gone.length;
    },
  };
}

export const memoryKeeps = (): Keeps => ({
  cancels: kept({
    keyOf: ({ environment, notificationId }) => [environment, notificationId],
    untilMs: ({ untilMs }) => untilMs,
    isNewer: (one, other) => one.untilMs > other.untilMs,
  }),
  suppressed: kept({
    keyOf: ({ environment, whom }) => [environment, whom],
    untilMs: () => Number.POSITIVE_INFINITY,
    isNewer: (one, other) => one.atMs > other.atMs,
  }),
  erased: kept({
    keyOf: ({ environment, whom }) => [environment, whom],
    untilMs: ({ untilMs }) => untilMs,
    isNewer: (one, other) => one.atMs > other.atMs,
  }),
});
