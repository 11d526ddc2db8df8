/**
 * The schedule in SQLite.
 *
 * Writes do not wait for fsync: the file is the event log's own and is written in order, so a power loss that takes a wait also takes the
 * position that moved over its record, and one that takes a removal leaves a repeat.
 */
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./store.procedures.ts";
import { fitting, waitOf } from "./store.rows.ts";
import type { ScheduleStore } from "./store.ts";

export async function sqliteScheduleStore(database: Database): Promise<ScheduleStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));
  return {
    put: (waits) => calls.put({ waits }),
    async due(nowMs, limit) {
      const sizes = reads.all("sizes", nowMs, limit).map(({ bytes }) => Number(bytes));
      return sizes.length === 0 ? [] : reads.all("due", nowMs, fitting(sizes)).map(waitOf);
    },
    async nextDueMs() {
      const dueAtMs = reads.get("next-due")?.due_at_ms;
      return dueAtMs === null || dueAtMs === undefined ? undefined : Number(dueAtMs);
    },
    remove: (ids) => calls.remove({ ids }),
  };
}
