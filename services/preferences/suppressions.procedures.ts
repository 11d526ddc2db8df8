/** The suppression list, in the writer thread. */
import type { Row, Sql } from "#platform/sqlite/sqlite.ts";
import { entryOf } from "./suppressions.rows.ts";
import type { Entry, Who } from "./suppressions.ts";

interface Adding {
  readonly environment: string;
  readonly who: Who;
  readonly reason: number;
  readonly nowMs: number;
}

export default {
  add(sql: Sql, { environment, who, reason, nowMs }: Adding): Entry {
    const { whom, userId, channel, address } = who;
    sql.run("add", environment, whom, userId, channel, address, reason, nowMs);
    return entryOf(sql.get("known", environment, whom) as Row);
  },

  remove(sql: Sql, { environment, whom, nowMs, addedByMs }: { environment: string; whom: string; nowMs: number; addedByMs: number }) {
    const removed = sql.run("remove", environment, whom, nowMs, addedByMs).changes > 0;
    const row = sql.get("known", environment, whom);
    return row?.is_on === 0 ? { atMs: Number(row.at_ms), removed } : undefined;
  },

  sweep: (sql: Sql, { beforeMs, limit }: { beforeMs: number; limit: number }): number => sql.run("sweep", beforeMs, limit).changes,
};
