/**
 * Dead letters in SQLite. Keeping does not wait for fsync, as with every store behind a stage: what a power loss takes, the log delivers
 * again. Settling does: it was told to somebody.
 */
import type { Database } from "#platform/sqlite/sqlite.ts";
import { settledAs } from "./replays.ts";
import type procedures from "./store.procedures.ts";
import { foundOf, letterOf, openReplayOf, replayOf, standingOf, summaryOf, wayBytes } from "./store.rows.ts";
import type { DeadLetterStore, Filter } from "./store.ts";

export async function sqliteDeadLetterStore(database: Database): Promise<DeadLetterStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));
  const openReplays = async () => reads.all("open-replays").map(openReplayOf);
  return {
    async keep(letters) {
      if (letters.length > 0) await calls.keep({ letters: letters.map((letter) => ({ ...letter, way: wayBytes(letter) })) });
    },
    list: async (environment, filter, { atMs, id }, limit) =>
      reads.all("list", environment, ...narrowing(filter), atMs, id, limit).map((row) => ({ ...summaryOf(row), ...standingOf(row) })),
    oldest: async (environment, filter, after, limit) =>
      reads.all("oldest", environment, ...narrowing(filter), after.atMs, after.id, limit).map(foundOf),
    async find(environment, ids) {
      return ids.map((id) => {
        const row = reads.get("find", environment, id);
        return row && { ...letterOf(row), ...standingOf(row) };
      });
    },
    settle: (environment, ids, state, nowMs) => calls.settle({ environment, ids, state, nowMs }, { durable: true }),
    sweep: (beforeMs, limit) => calls.sweep({ beforeMs, limit }),

    createReplay: (replay) => calls.createReplay({ replay }, { durable: true }),
    async findReplay(environment, id) {
      const row = reads.get("replay", environment, id);
      return row && replayOf(row);
    },
    listReplays: async (environment, { atMs, id }, limit) => reads.all("replays", environment, atMs, id, limit).map(replayOf),
    cancelReplay: (environment, id, nowMs) => calls.cancelReplay({ environment, id, nowMs }, { durable: true }),
    openReplays,
    async takeReplay(holder, nowMs, heldUntilMs) {
      // Mostly there is none, and nothing to write.
      if ((await openReplays()).length === 0) return undefined;
      return calls.takeReplay({ holder, nowMs, heldUntilMs });
    },
    advanceReplay: ({ environment, id, asked }, holder, stretch) =>
      calls.advanceReplay({ environment, id, holder, stretch, as: settledAs[asked.action] }, { durable: true }),
    sweepReplays: (beforeMs, limit) => calls.sweepReplays({ beforeMs, limit }),
  };
}

const narrowing = ({ state, fromMs, toMs, queue, reason, notificationId, userId }: Filter) =>
  [state, fromMs, toMs, queue, reason, notificationId, userId] as const;
