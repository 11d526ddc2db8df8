/** The schedule, in the writer thread. */
import type { Sql } from "#platform/sqlite/sqlite.ts";
import type { Wait } from "./store.ts";

export default {
  put(sql: Sql, { waits }: { waits: readonly Wait[] }): void {
    for (const { id, dueAtMs, topic, key, value, trace } of waits) sql.run("put", id, dueAtMs, topic, key, value, trace);
  },

  remove(sql: Sql, { ids }: { ids: readonly string[] }): void {
    for (const id of ids) sql.run("remove", id);
  },
};
