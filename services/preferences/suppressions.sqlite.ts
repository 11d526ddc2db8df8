/** The suppression list in SQLite. */
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./suppressions.procedures.ts";
import { entryOf } from "./suppressions.rows.ts";
import type { SuppressionStore } from "./suppressions.ts";

export async function sqliteSuppressionStore(database: Database): Promise<SuppressionStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./suppressions.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./suppressions.sql", import.meta.url));
  return {
    add: (environment, who, reason, nowMs) => calls.add({ environment, who, reason, nowMs }, { durable: true }),
    remove: (environment, whom, nowMs, addedByMs = Number.MAX_SAFE_INTEGER) =>
      calls.remove({ environment, whom, nowMs, addedByMs }, { durable: true }),
    async among(environment, whoms) {
      return whoms.flatMap((whom) => {
        const row = reads.get("known", environment, whom);
        return row?.is_on === 1 ? [entryOf(row)] : [];
      });
    },
    list: async (environment, reason, { atMs, id }, limit) => reads.all("list", environment, reason, atMs, id, limit).map(entryOf),
    sweep: (beforeMs, limit) => calls.sweep({ beforeMs, limit }),
  };
}
