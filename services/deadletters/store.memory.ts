/** Dead letters and their replays in memory, for tests and the simulation: as long as it is kept itself, it outlives those who use it. */
import { memoryReplays } from "./replays.memory.ts";
import type { DeadLetterStore, Filter, Letter, Standing } from "./store.ts";

type Kept = Letter & Standing;

export function memoryDeadLetterStore(): DeadLetterStore {
  const letters = new Map<string, Kept>();
  const keyOf = (environment: string, id: string) => JSON.stringify([environment, id]);
  /** Oldest first. */
  const among = (environment: string, filter: Filter): Kept[] =>
    [...letters.values()]
      .filter((letter) => letter.environment === environment && isWithin(letter, filter))
      .sort((one, other) => one.diedAtMs - other.diedAtMs || (one.id < other.id ? -1 : 1));
  const settle: DeadLetterStore["settle"] = async (environment, ids, state, nowMs) => {
    const settled = ids.filter((id) => letters.get(keyOf(environment, id))?.state === "kept");
    for (const id of settled) {
      const key = keyOf(environment, id);
      letters.set(key, { ...(letters.get(key) as Kept), state, settledAtMs: nowMs });
    }
    return settled;
  };
  return {
    async keep(given) {
      for (const letter of given) {
        const key = keyOf(letter.environment, letter.id);
        if (!letters.has(key)) letters.set(key, { ...letter, state: "kept", settledAtMs: 0 });
      }
    },
    async list(environment, filter, after, limit) {
      const found = among(environment, filter)
        .reverse()
        .filter(({ diedAtMs, id }) => diedAtMs < after.atMs || (diedAtMs === after.atMs && id < after.id));
      return found.slice(0, limit).map(({ environment: _, original: __, writtenAtMs: ___, way: ____, ...summary }) => summary);
    },
    async oldest(environment, filter, after, limit) {
      const found = among(environment, filter).filter(
        ({ diedAtMs, id }) => diedAtMs > after.atMs || (diedAtMs === after.atMs && id > after.id),
      );
      return found.slice(0, limit).map(({ diedAtMs, id, original }) => ({ atMs: diedAtMs, id, bytes: original.value.length }));
    },
    find: async (environment, ids) => ids.map((id) => letters.get(keyOf(environment, id))),
    settle,
    async sweep(beforeMs, limit) {
      const gone = [...letters].filter(([, { diedAtMs }]) => diedAtMs < beforeMs);
      const oldest = gone.sort(([, one], [, other]) => one.diedAtMs - other.diedAtMs).slice(0, limit);
      for (const [key] of oldest) letters.delete(key);
      return oldest.length;
    },
    ...memoryReplays(settle),
  };
}

const isWithin = (letter: Kept, { state, queue, reason, notificationId, userId, fromMs, toMs }: Filter): boolean =>
  letter.state === state &&
  letter.diedAtMs >= fromMs &&
  letter.diedAtMs < toMs &&
  (queue === "" || letter.queue === queue) &&
  (reason === "" || letter.reason === reason) &&
  (notificationId === "" || letter.notificationId === notificationId) &&
  (userId === "" || letter.userId === userId);
