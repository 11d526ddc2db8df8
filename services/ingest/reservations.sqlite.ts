/** Reservations in SQLite. Not fsynced by themselves: the append that follows in the writer's queue carries them to the disk. */
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./reservations.procedures.ts";
import { reservationOf } from "./reservations.procedures.ts";
import type { Reservations } from "./reservations.ts";

export async function sqliteReservations(database: Database): Promise<Reservations> {
  const calls = await database.procedures<typeof procedures>(new URL("./reservations.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./reservations.sql", import.meta.url));
  return {
    reserve: (items) => calls.reserve(items),
    markAccepted: (environment, notificationIds) => calls.markAccepted({ environment, notificationIds }),
    async get(environment, notificationId) {
      const row = reads.get("find", environment, notificationId);
      return row && reservationOf(row);
    },
    forget: (beforeMs, limit) => calls.forget({ beforeMs, limit }),
  };
}
