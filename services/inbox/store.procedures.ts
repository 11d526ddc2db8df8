/** The inbox, in the writer thread. */
import { randomBytes } from "node:crypto";
import type { Sql } from "#platform/sqlite/sqlite.ts";
import type { NewRow, Placed } from "./store.ts";

function add(sql: Sql, row: NewRow, keep: number): Placed {
  const { environment, userId } = row;
  const person = sql.get("person", environment, userId);
  const repeat = sql.get("repeat", row.deliveryId);
  if (person && repeat) return { epoch: person.epoch as string, seq: Number(repeat.seq), createdAtMs: Number(repeat.created_at_ms) };
  const epoch = (person?.epoch as string | undefined) ?? randomBytes(6).toString("hex");
  const seq = Number(person?.top_seq ?? 0) + 1;
  sql.run("raise", environment, userId, epoch, seq);
  const { deliveryId, notificationId, eventType, category, title, body, createdAtMs } = row;
  sql.run("put", environment, userId, seq, deliveryId, notificationId, eventType, category, title, body, createdAtMs);
  if (seq > keep) sql.run("trim", environment, userId, seq - keep);
  return { epoch, seq, createdAtMs };
}

export default {
  add: (sql: Sql, { rows, keep }: { rows: readonly NewRow[]; keep: number }): Placed[] => rows.map((row) => add(sql, row, keep)),
};
