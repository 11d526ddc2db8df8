/** Dead letters in MySQL. Who settles locks what is still kept first: of two who settle a letter at the same time, one does. */
import type { Mysql, Param } from "#platform/mysql/mysql.ts";
import type { Place } from "#platform/page.ts";
import { letterOf, standingOf, summaryOf } from "./store.rows.ts";
import type { DeadLetterStore, Filter, Letter } from "./store.ts";

export async function mysqlDeadLetterStore(mysql: Mysql): Promise<DeadLetterStore> {
  const tables = await mysql.tables(new URL("./store.mysql.sql", import.meta.url));
  return {
    keep: async (letters) => void (await tables.run("keep", letters.map(rowOf))),
    async list(environment, filter, after, limit) {
      const rows = await tables.all("list", environment, ...narrowing(filter), ...beyond(after), limit);
      return rows.map((row) => ({ ...summaryOf(row), ...standingOf(row) }));
    },
    async oldest(environment, filter, after, limit) {
      const rows = await tables.all("oldest", environment, ...narrowing(filter), ...beyond(after), limit);
      return rows.map((row) => ({ atMs: Number(row.died_at_ms), id: row.id as string }));
    },
    async find(environment, ids) {
      const rows = await tables.all("find", environment, ids);
      const found = new Map(rows.map((row) => [row.id as string, { ...letterOf(row), ...standingOf(row) }]));
      return ids.map((id) => found.get(id));
    },
    settle: (environment, ids, state, nowMs) =>
      tables.transaction(async (sql) => {
        const kept = (await sql.all("lock-kept", environment, ids)).map((row) => row.id as string);
        await sql.run("settle", state, nowMs, environment, kept);
        return kept;
      }),
    sweep: async (beforeMs, limit) => (await tables.run("sweep", beforeMs, limit)).changes,
  };
}

const narrowing = ({ state, fromMs, toMs, queue, reason, notificationId, userId }: Filter): readonly Param[] => [
  ...[state, fromMs, toMs],
  ...[queue, queue, reason, reason, notificationId, notificationId, userId, userId],
];

const beyond = ({ atMs, id }: Place): readonly Param[] => [atMs, atMs, id];

function rowOf({ environment, id, queue, stage, reason, detail, diedAtMs, topic, original, ...about }: Letter): readonly Param[] {
  const { notificationId, deliveryId, userId, channel, cycle } = about;
  const { key, value, headers } = original;
  return [
    ...[environment, id, queue, stage, reason, detail, diedAtMs, topic],
    ...[notificationId, deliveryId, userId, channel, cycle],
    ...[key, value, JSON.stringify(headers)],
  ];
}
