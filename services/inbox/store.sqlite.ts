/** The inbox in SQLite. */
import type { Database, Row as SqlRow } from "#platform/sqlite/sqlite.ts";
import type procedures from "./store.procedures.ts";
import { placedOf } from "./store.procedures.ts";
import type { InboxStore, Row } from "./store.ts";

/** A person's newest rows that are kept; a cursor further back is told to start anew. */
const KEPT = 1_000;

const rowOf = (row: SqlRow): Row => ({
  seq: Number(row.seq),
  deliveryId: row.delivery_id as string,
  notificationId: row.notification_id as string,
  eventType: row.event_type as string,
  category: row.category as string,
  title: row.title as string,
  body: row.body as string,
  createdAtMs: Number(row.created_at_ms),
});

export async function sqliteInboxStore(database: Database, keep = KEPT): Promise<InboxStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));
  return {
    add: (rows) => calls.add({ rows, keep }),
    placed: async (deliveries) =>
      deliveries.map(({ environment, userId, deliveryId }) => {
        const row = reads.get("place", environment, userId, deliveryId);
        return row && placedOf(row);
      }),
    async box(environment, userId) {
      const row = reads.get("person", environment, userId);
      return { epoch: (row?.epoch as string | undefined) ?? "", topSeq: Number(row?.top_seq ?? 0) };
    },
    after: async (environment, userId, seq, limit) => reads.all("after", environment, userId, seq, limit).map(rowOf),
    erase: (environment, userId) => calls.erase({ environment, userId }, { durable: true }),
    async seqOf(environment, userId, notificationId) {
      const seq = reads.get("seq-of", environment, userId, notificationId)?.seq;
      return seq == null ? undefined : Number(seq);
    },
  };
}
