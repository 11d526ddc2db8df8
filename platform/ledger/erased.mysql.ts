/** Erasures, kept in MySQL before the ledger is told: see keeping.ts. */
import type { Mysql } from "#platform/mysql/mysql.ts";
import type { Kept } from "./keeping.ts";
import { pagesOf } from "./kept.mysql.ts";
import type { Erased } from "./ledger.ts";

export async function mysqlErased(mysql: Mysql): Promise<Kept<Erased>> {
  const tables = await mysql.tables(new URL("./erased.mysql.sql", import.meta.url));
  return {
    async keep({ environment, whom, atMs, untilMs }) {
      await tables.run("keep", environment, whom, atMs, untilMs);
    },
    all: (nowMs, begin) =>
      pagesOf(
        {
          after: (environment, whom, limit) => tables.all("after", environment, environment, whom, nowMs, limit),
          said: (row) => ({
            ...{ environment: String(row.environment), whom: String(row.whom) },
            ...{ atMs: Number(row.at_ms), untilMs: Number(row.until_ms) },
          }),
          about: ({ whom }) => whom,
        },
        begin,
      ),
    sweep: async (beforeMs, limit) => (await tables.run("forget", beforeMs, limit)).changes,
  };
}
