/** Dead letters, in the writer thread. */
import type { Sql } from "#platform/sqlite/sqlite.ts";
import type { Letter } from "./store.ts";

interface Settling {
  readonly environment: string;
  readonly ids: readonly string[];
  readonly state: string;
  readonly nowMs: number;
}

export default {
  keep(sql: Sql, { letters }: { letters: readonly Letter[] }): void {
    for (const { environment, id, queue, stage, reason, detail, diedAtMs, topic, original, ...about } of letters) {
      const { notificationId, deliveryId, userId, channel, cycle } = about;
      const who = [notificationId, deliveryId, userId, channel, cycle] as const;
      const { key, value, headers } = original;
      sql.run("keep", environment, id, queue, stage, reason, detail, diedAtMs, topic, ...who, key, value, JSON.stringify(headers));
    }
  },

  settle: (sql: Sql, { environment, ids, state, nowMs }: Settling): string[] =>
    ids.filter((id) => sql.run("settle", environment, id, state, nowMs).changes > 0),

  sweep: (sql: Sql, { beforeMs, limit }: { beforeMs: number; limit: number }): number => sql.run("sweep", beforeMs, limit).changes,
};
