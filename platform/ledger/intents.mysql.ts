/**
 * Intents of sends that may happen at most once, in MySQL, which loses nothing that it has answered: see once.ts.
 *
 * The times are the workers'. An intent's own lease covers the moment between it and the lease in the ledger; where clocks differ by more than
 * that lasts, a send that is about to begin may be given up, and is never made twice.
 */
import type { Clock } from "#platform/clock.ts";
import type { Mysql, MysqlRow, MysqlSql } from "#platform/mysql/mysql.ts";
import { uuidv5 } from "#platform/uuid.ts";
import type { Intent } from "./ledger.ts";
import type { Intents, Sending } from "./once.ts";
import { answer, type Entry, settled } from "./rules.ts";

const idOf = ({ environment, deliveryId, cycle }: Sending): string => uuidv5(JSON.stringify([environment, deliveryId, cycle]));

const entryOf = (row: MysqlRow): Entry => ({
  state: row.state as Entry["state"],
  ...{ attempt: Number(row.attempt), wait: Number(row.waits) },
  ...{ worker: row.worker as string, untilMs: Number(row.until_ms) },
});

/** In one order, so that two who write of the same sends wait for each other instead of being undone. */
const ordered = <T extends Sending>(items: readonly T[]): readonly { readonly id: string; readonly item: T }[] =>
  items.map((item) => ({ id: idOf(item), item })).sort((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)));

export async function mysqlIntents(mysql: Mysql, { clock }: { clock: Clock }): Promise<Intents> {
  const tables = await mysql.tables(new URL("./intents.mysql.sql", import.meta.url));
  const known = async (items: readonly Sending[]): Promise<(item: Sending) => Entry | undefined> => {
    const rows = await tables.all("known", [...new Set(items.map(idOf))]);
    const entries = new Map(rows.map((row) => [row.id as string, entryOf(row)]));
    return (item) => entries.get(idOf(item));
  };
  const each = <T extends Sending>(items: readonly T[], write: (sql: MysqlSql, id: string, item: T) => Promise<unknown>): Promise<void> =>
    tables.transaction(async (sql) => {
      for (const { id, item } of ordered(items)) await write(sql, id, item);
    });

  return {
    async begin(tries) {
      const nowMs = clock.nowMs();
      await tables.run(
        "begin",
        ordered(tries).map(({ id, item: { attempt, wait, worker, leaseMs } }) => [id, attempt, wait, worker, nowMs + leaseMs]),
      );
      const entryFor = await known(tries);
      return tries.map((asked): Intent => {
        const entry = entryFor(asked);
        if (entry?.state === "leased" && entry.worker === asked.worker) return { is: "send" };
        return answer(entry, { ...asked, atMostOnce: false }, undefined, nowMs).intent;
      });
    },
    withdraw: (tries) => each(tries, (sql, id, { worker }) => sql.run("withdraw", id, worker)),
    async settle(results) {
      await each(results, (sql, id, { state, atMs, worker }) =>
        typeof state === "string" ? sql.run("end", state, atMs, id, worker) : sql.run("withdraw", id, worker),
      );
      const entryFor = await known(results);
      return results.map((result) => {
        const entry = entryFor(result);
        return entry === undefined ? typeof result.state !== "string" : settled(entry, result).taken;
      });
    },
    async giveUp(tries) {
      const nowMs = clock.nowMs();
      await each(tries, (sql, id, { attempt, wait }) => sql.run("give-up", attempt, wait, nowMs, id));
      const entryFor = await known(tries);
      return tries.map((asked): Intent => {
        const entry = entryFor(asked);
        // Its holder has said meanwhile that it did not happen: the lease of this try ends first, then it begins anew.
        return entry ? answer(entry, asked, undefined, nowMs).intent : { is: "leased", untilMs: nowMs + asked.leaseMs };
      });
    },
    sweep: async (beforeMs, limit) => (await tables.run("sweep", beforeMs, limit)).changes,
  };
}
