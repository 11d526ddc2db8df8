/** The replays of dead letters in memory, beside the letters that they settle. */
import { advanced, nextOf, OPEN_AT_MOST, type OpenReplay, type Replay, settledAs } from "./replays.ts";
import type { DeadLetterStore } from "./store.ts";

type Replays = Pick<
  DeadLetterStore,
  "createReplay" | "findReplay" | "listReplays" | "cancelReplay" | "openReplays" | "takeReplay" | "advanceReplay" | "sweepReplays"
>;

export function memoryReplays(settle: DeadLetterStore["settle"]): Replays {
  const replays = new Map<string, OpenReplay>();
  const keyOf = ({ environment, id }: Pick<Replay, "environment" | "id">) => JSON.stringify([environment, id]);
  const isOpen = ({ endedAtMs }: Replay) => endedAtMs === 0;
  /** In the order created. */
  const all = () => [...replays.values()].sort((one, other) => one.createdAtMs - other.createdAtMs || (one.id < other.id ? -1 : 1));
  return {
    async createReplay(replay) {
      const known = replays.get(keyOf(replay));
      if (known) return asTold(known);
      if (all().filter((each) => each.environment === replay.environment && isOpen(each)).length >= OPEN_AT_MOST) return undefined;
      replays.set(keyOf(replay), { ...replay, holder: "", heldUntilMs: 0 });
      return replay;
    },
    async findReplay(environment, id) {
      const known = replays.get(keyOf({ environment, id }));
      return known && asTold(known);
    },
    async listReplays(environment, after, limit) {
      const found = all()
        .reverse()
        .filter((each) => each.environment === environment)
        .filter(({ createdAtMs, id }) => createdAtMs < after.atMs || (createdAtMs === after.atMs && id < after.id));
      return found.slice(0, limit).map(asTold);
    },
    async cancelReplay(environment, id, nowMs) {
      const key = keyOf({ environment, id });
      const known = replays.get(key);
      if (!known) return undefined;
      const canceled: OpenReplay = isOpen(known) ? { ...known, state: "canceled", endedAtMs: nowMs } : known;
      replays.set(key, canceled);
      return asTold(canceled);
    },
    openReplays: async () => all().filter(isOpen),
    async takeReplay(holder, nowMs, heldUntilMs) {
      const next = nextOf(all().filter(isOpen), nowMs);
      if (!next) return undefined;
      const taken: OpenReplay = { ...next, state: "running", holder, heldUntilMs };
      replays.set(keyOf(taken), taken);
      return asTold(taken);
    },
    async advanceReplay(replay, holder, stretch) {
      const settled = await settle(replay.environment, stretch.settles, settledAs[replay.asked.action], stretch.nowMs);
      const known = replays.get(keyOf(replay));
      const next = known && advanced(known, holder, stretch, settled.length);
      if (next) replays.set(keyOf(next), next);
      return next && asTold(next);
    },
    async sweepReplays(beforeMs, limit) {
      const gone = [...replays.values()].filter((each) => !isOpen(each) && each.endedAtMs < beforeMs);
      const oldest = gone.sort((one, other) => one.endedAtMs - other.endedAtMs).slice(0, limit);
      for (const each of oldest) replays.delete(keyOf(each));
      return oldest.length;
    },
  };
}

const asTold = ({ holder: _, heldUntilMs: __, ...replay }: OpenReplay): Replay => replay;
