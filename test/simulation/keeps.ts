/** What the ledger must not forget, kept elsewhere (platform/ledger/keeping.ts): in memory, for as long as a simulated run lasts. */
import type { Keeps, Kept } from "#platform/ledger/keeping.ts";

const kept = <T>(keyOf: (said: T) => string, untilMs: (said: T) => number, isNewer: (one: T, other: T) => boolean): Kept<T> => {
  const all = new Map<string, T>();
  return {
    async keep(said) {
      const there = all.get(keyOf(said));
      if (!there || isNewer(said, there)) all.set(keyOf(said), said);
    },
    async *all(nowMs) {
      yield [...all.values()].filter((said) => untilMs(said) >= nowMs);
    },
    async sweep(beforeMs, limit) {
      const gone = [...all].filter(([, said]) => untilMs(said) < beforeMs).slice(0, limit);
      for (const [key] of gone) all.delete(key);
      return gone.length;
    },
  };
};

export const memoryKeeps = (): Keeps => ({
  cancels: kept(
    ({ environment, notificationId }) => `${environment} ${notificationId}`,
    ({ untilMs }) => untilMs,
    (one, other) => one.untilMs > other.untilMs,
  ),
  suppressed: kept(
    ({ environment, whom }) => `${environment} ${whom}`,
    () => Number.POSITIVE_INFINITY,
    (one, other) => one.atMs > other.atMs,
  ),
  erased: kept(
    ({ environment, whom }) => `${environment} ${whom}`,
    ({ untilMs }) => untilMs,
    (one, other) => one.atMs > other.atMs,
  ),
});
