/** Dead letters in MySQL. Who settles locks what is still kept first: of two who settle a letter at the same time, one does. */
import { isDuplicate } from "#platform/mysql/errors.ts";
import type { Mysql, MysqlSql, Param } from "#platform/mysql/mysql.ts";
import type { Place } from "#platform/page.ts";
import { advanced, nextOf, OPEN_AT_MOST, type OpenReplay, settledAs } from "./replays.ts";
import { changedRow, createdRow, foundOf, letterOf, openReplayOf, replayOf, standingOf, summaryOf, wayBytes } from "./store.rows.ts";
import type { DeadLetterStore, Filter, Letter } from "./store.ts";

export async function mysqlDeadLetterStore(mysql: Mysql): Promise<DeadLetterStore> {
  const tables = await mysql.tables(new URL("./store.mysql.sql", import.meta.url));
  const settle = async (sql: MysqlSql, environment: string, ids: readonly string[], state: string, nowMs: number) => {
    const kept = (await sql.all("lock-kept", environment, ids)).map((row) => row.id as string);
    await sql.run("settle", state, nowMs, environment, kept);
    return kept;
  };
  const findReplay = async (environment: string, id: string) => {
    const row = await tables.get("replay", environment, id);
    return row && replayOf(row);
  };
  return {
    keep: async (letters) => void (await tables.run("keep", letters.map(rowOf))),
    async list(environment, filter, after, limit) {
      const rows = await tables.all("list", environment, ...narrowing(filter), ...beyond(after), limit);
      return rows.map((row) => ({ ...summaryOf(row), ...standingOf(row) }));
    },
    async oldest(environment, filter, after, limit) {
      const rows = await tables.all("oldest", environment, ...narrowing(filter), ...beyond(after), limit);
      return rows.map(foundOf);
    },
    async find(environment, ids) {
      const rows = await tables.all("find", environment, ids);
      const found = new Map(rows.map((row) => [row.id as string, { ...letterOf(row), ...standingOf(row) }]));
      return ids.map((id) => found.get(id));
    },
    settle: (environment, ids, state, nowMs) => tables.transaction((sql) => settle(sql, environment, ids, state, nowMs)),
    sweep: async (beforeMs, limit) => (await tables.run("sweep", beforeMs, limit)).changes,

    async createReplay(replay) {
      try {
        return await tables.transaction(async (sql) => {
          const open = await sql.all("lock-open-replays");
          const known = await sql.get("lock-replay", replay.environment, replay.id);
          if (known) return replayOf(known);
          if (open.filter(({ environment }) => environment === replay.environment).length >= OPEN_AT_MOST) return undefined;
          await sql.run("create-replay", ...createdRow(replay));
          return replay;
        });
      } catch (error) {
        // Where none was open there was nothing to lock, and the same was asked twice at once.
        const known = isDuplicate(error) ? await findReplay(replay.environment, replay.id) : undefined;
        if (known) return known;
        throw error;
      }
    },
    findReplay,
    listReplays: async (environment, { atMs, id }, limit) =>
      (await tables.all("replays", environment, atMs, atMs, id, limit)).map(replayOf),
    async cancelReplay(environment, id, nowMs) {
      await tables.run("cancel-replay", nowMs, environment, id);
      return findReplay(environment, id);
    },
    openReplays: async () => (await tables.all("open-replays")).map(openReplayOf),
    async takeReplay(holder, nowMs, heldUntilMs) {
      // Mostly there is none, and nothing to lock.
      if (!(await tables.get("any-open-replay"))) return undefined;
      return tables.transaction(async (sql) => {
        const next = nextOf((await sql.all("lock-open-replays")).map(openReplayOf), nowMs);
        if (!next) return undefined;
        const taken: OpenReplay = { ...next, state: "running", holder, heldUntilMs };
        await sql.run("change-replay", ...changedRow(taken));
        return taken;
      });
    },
    advanceReplay: ({ environment, id, asked }, holder, stretch) =>
      tables.transaction(async (sql) => {
        const row = await sql.get("lock-replay", environment, id);
        const settled = await settle(sql, environment, stretch.settles, settledAs[asked.action], stretch.nowMs);
        const next = row && advanced(openReplayOf(row), holder, stretch, settled.length);
        if (next) await sql.run("change-replay", ...changedRow(next));
        return next;
      }),
    sweepReplays: async (beforeMs, limit) => (await tables.run("sweep-replays", beforeMs, limit)).changes,
  };
}

const narrowing = ({ state, fromMs, toMs, queue, reason, notificationId, userId }: Filter): readonly Param[] => [
  ...[state, fromMs, toMs],
  ...[queue, queue, reason, reason, notificationId, notificationId, userId, userId],
];

const beyond = ({ atMs, id }: Place): readonly Param[] => [atMs, atMs, id];

function rowOf(letter: Letter): readonly Param[] {
  const { environment, id, queue, stage, reason, detail, diedAtMs, topic, original, ...about } = letter;
  const { notificationId, deliveryId, userId, channel, cycle, writtenAtMs } = about;
  const { key, value, headers } = original;
  return [
    ...[environment, id, queue, stage, reason, detail, diedAtMs, topic],
    ...[notificationId, deliveryId, userId, channel, cycle],
    ...[key, value, JSON.stringify(headers), writtenAtMs, wayBytes(letter)],
  ];
}
