/**
 * Dead letters in SQLite. Keeping does not wait for fsync, as with every store behind a stage: what a power loss takes, the log delivers
 * again. Settling does: it was told to somebody.
 */
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./store.procedures.ts";
import { letterOf, standingOf, summaryOf } from "./store.rows.ts";
import type { DeadLetterStore, Filter } from "./store.ts";

export async function sqliteDeadLetterStore(database: Database): Promise<DeadLetterStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));
  return {
    keep: async (letters) => void (letters.length > 0 && (await calls.keep({ letters }))),
    list: async (environment, filter, { atMs, id }, limit) =>
      reads.all("list", environment, ...narrowing(filter), atMs, id, limit).map((row) => ({ ...summaryOf(row), ...standingOf(row) })),
    oldest: async (environment, filter, after, limit) =>
      reads
        .all("oldest", environment, ...narrowing(filter), after.atMs, after.id, limit)
        .map((row) => ({ atMs: Number(row.died_at_ms), id: row.id as string })),
    async find(environment, ids) {
      return ids.map((id) => {
        const row = reads.get("find", environment, id);
        return row && { ...letterOf(row), ...standingOf(row) };
      });
    },
    settle: (environment, ids, state, nowMs) => calls.settle({ environment, ids, state, nowMs }, { durable: true }),
    sweep: (beforeMs, limit) => calls.sweep({ beforeMs, limit }),
  };
}

const narrowing = ({ state, fromMs, toMs, queue, reason, notificationId, userId }: Filter) =>
  [state, fromMs, toMs, queue, reason, notificationId, userId] as const;
