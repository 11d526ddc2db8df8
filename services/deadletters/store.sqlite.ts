/**
 * Dead letters in SQLite. Keeping does not wait for fsync, as with every store behind a stage: what a power loss takes, the log delivers
 * again. Settling does: it was told to somebody.
 */
import type { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import type { Database, Row } from "#platform/sqlite/sqlite.ts";
import type procedures from "./store.procedures.ts";
import type { DeadLetterStore, Filter, Letter, Standing, State, Summary } from "./store.ts";

export async function sqliteDeadLetterStore(database: Database): Promise<DeadLetterStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));
  return {
    keep: async (letters) => void (letters.length > 0 && (await calls.keep({ letters }))),
    list: async (environment, filter, { diedAtMs, id }, limit) =>
      reads.all("list", environment, ...narrowing(filter), diedAtMs, id, limit).map((row) => ({ ...summaryOf(row), ...standingOf(row) })),
    oldest: async (environment, filter, after, limit) =>
      reads
        .all("oldest", environment, ...narrowing(filter), after.diedAtMs, after.id, limit)
        .map((row) => ({ diedAtMs: Number(row.died_at_ms), id: row.id as string })),
    async find(environment, ids) {
      return ids.map((id) => {
        const row = reads.get("find", environment, id);
        return row && { ...letterOf(row), ...standingOf(row) };
      });
    },
    settle: (environment, ids, state, nowMs) => calls.settle({ environment, ids, state, nowMs }, { durable: true }),
    sweep: (beforeMs, limit) => calls.sweep({ beforeMs, limit }),
  };
}

const narrowing = ({ state, fromMs, toMs, queue, reason, notificationId, userId }: Filter) =>
  [state, fromMs, toMs, queue, reason, notificationId, userId] as const;

const summaryOf = (row: Row): Summary => ({
  id: row.id as string,
  queue: row.queue as string,
  stage: row.stage as string,
  reason: row.reason as string,
  detail: row.detail as string,
  diedAtMs: Number(row.died_at_ms),
  topic: row.topic as string,
  notificationId: row.notification_id as string,
  deliveryId: row.delivery_id as string,
  userId: row.user_id as string,
  channel: row.channel as Channel,
  cycle: Number(row.cycle),
});

const standingOf = (row: Row): Standing => ({ state: row.state as State, settledAtMs: Number(row.settled_at_ms) });

const letterOf = (row: Row): Letter => ({
  ...summaryOf(row),
  environment: row.environment as string,
  original: {
    key: row.record_key as string,
    value: row.record_value as Uint8Array,
    headers: JSON.parse(row.record_headers as string) as Record<string, string>,
  },
});
