/**
 * The schedule in SQLite.
 *
 * Writes do not wait for fsync: the file is the event log's own and is written in order, so a power loss that takes a wait also takes the
 * position that moved over its record, and one that takes a removal leaves a repeat.
 */
import type { Database, Row } from "#platform/sqlite/sqlite.ts";
import type procedures from "./store.procedures.ts";
import type { ScheduleStore, Wait } from "./store.ts";

const waitOf = (row: Row): Wait => ({
  id: row.id as string,
  dueAtMs: Number(row.due_at_ms),
  topic: row.topic as string,
  key: row.record_key as string,
  value: row.record_value as Uint8Array,
  trace: row.trace as string,
});

/** Of what is read and appended at once: a page of the largest notifications would be 64 MiB. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** How many of the first fit into a page; one at least. */
function fitting(sizes: readonly number[]): number {
  let count = 0;
  for (let bytes = 0; count < sizes.length; count++) {
    bytes += sizes[count] as number;
    if (bytes > PAGE_BYTES) break;
  }
  return Math.max(count, 1);
}

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
