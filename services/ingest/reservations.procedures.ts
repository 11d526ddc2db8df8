/** Reservations, in the writer thread. */
import type { Row, Sql } from "#platform/sqlite/sqlite.ts";
import type { Reservation } from "./reservations.ts";

export const reservationOf = (row: Row): Reservation => ({
  environment: row.environment as string,
  notificationId: row.notification_id as string,
  hash: row.hash as string,
  requested: row.requested as Uint8Array,
  key: row.record_key as string,
  acceptedAtMs: Number(row.accepted_at_ms),
  accepted: row.accepted === 1,
});

export default {
  reserve(sql: Sql, items: readonly Reservation[]): (Reservation | undefined)[] {
    return items.map((item) => {
      const { changes } = sql.run(
        "put",
        item.environment,
        item.notificationId,
        item.hash,
        item.requested,
        item.key,
        item.acceptedAtMs,
        item.accepted ? 1 : 0,
      );
      const earlier = changes === 0 ? sql.get("find", item.environment, item.notificationId) : undefined;
      return earlier && reservationOf(earlier);
    });
  },
  markAccepted(sql: Sql, { environment, notificationIds }: { environment: string; notificationIds: readonly string[] }): void {
    for (const id of notificationIds) sql.run("mark", environment, id);
  },
  forget: (sql: Sql, { beforeMs, limit }: { beforeMs: number; limit: number }): number =>
    Number(sql.run("forget", beforeMs, limit).changes),
};
