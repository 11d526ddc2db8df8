/** The inbox, in the writer thread. */
import { randomBytes } from "node:crypto";
import type { Row, Sql } from "#platform/sqlite/sqlite.ts";
import type { NewRow, Placed } from "./store.ts";

export const placedOf = ({ epoch, seq, created_at_ms }: Row): Placed => ({
  epoch: epoch as string,
  seq: Number(seq),
  createdAtMs: Number(created_at_ms),
});

function add(sql: Sql, row: NewRow, keep: number): Placed {
  const { environment, userId, deliveryId, notificationId, eventType, category, title, body, createdAtMs } = row;
  const repeat = sql.get("place", environment, userId, deliveryId);
  if (repeat) return placedOf(repeat);
  const person = sql.get("person", environment, userId);
  const epoch = (person?.epoch as string | undefined) ?? randomBytes(6).toString("hex");
  const seq = Number(person?.top_seq ?? 0) + 1;
  sql.run("raise", environment, userId, epoch, seq);
  sql.run("put", environment, userId, seq, deliveryId, notificationId, eventType, category, title, body, createdAtMs);
  if (seq > keep) sql.run("trim", environment, userId, seq - keep);
  return { epoch, seq, createdAtMs };
}

export default {
  add: (sql: Sql, { rows, keep }: { rows: readonly NewRow[]; keep: number }): Placed[] => rows.map((row) => add(sql, row, keep)),

  erase(sql: Sql, { environment, userId }: { environment: string; userId: string }): void {
    sql.run("erase-messages", environment, userId);
    sql.run("erase-person", environment, userId);
  },
};
