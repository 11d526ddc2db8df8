/** The suppression list in MySQL. */
import type { Mysql, MysqlRow } from "#platform/mysql/mysql.ts";
import { entryOf } from "./suppressions.rows.ts";
import type { SuppressionStore } from "./suppressions.ts";

export async function mysqlSuppressionStore(mysql: Mysql): Promise<SuppressionStore> {
  const tables = await mysql.tables(new URL("./suppressions.mysql.sql", import.meta.url));
  return {
    add: (environment, { whom, userId, channel, address }, reason, nowMs) =>
      tables.transaction(async (sql) => {
        await sql.run("add", environment, whom, userId, channel, address, reason, nowMs);
        return entryOf((await sql.get("known", environment, whom)) as MysqlRow);
      }),
    remove: (environment, whom, nowMs, addedByMs = Number.MAX_SAFE_INTEGER) =>
      tables.transaction(async (sql) => {
        const { changes } = await sql.run("remove", nowMs, environment, whom, addedByMs);
        const row = await sql.get("known", environment, whom);
        return Number(row?.is_on) === 0 ? { atMs: Number(row?.at_ms), removed: changes > 0 } : undefined;
      }),
    among: async (environment, whoms) => (await tables.all("among", environment, whoms)).map(entryOf),
    async list(environment, reason, { atMs, id }, limit) {
      return (await tables.all("list", environment, reason, reason, atMs, atMs, id, limit)).map(entryOf);
    },
    sweep: async (beforeMs, limit) => (await tables.run("sweep", beforeMs, limit)).changes,
  };
}
