/** Suppressions, kept in MySQL before the ledger is told, as cancels are (cancels.mysql.ts). */
import type { Mysql } from "#platform/mysql/mysql.ts";
import type { Kept } from "./keeping.ts";
import { pagesOf } from "./kept.mysql.ts";
import type { Suppressed } from "./ledger.ts";

export async function mysqlSuppressed(mysql: Mysql): Promise<Kept<Suppressed>> {
  const tables = await mysql.tables(new URL("./suppressed.mysql.sql", import.meta.url));
  return {
    async keep({ environment, whom, suppressed, atMs }) {
      await tables.run("keep", environment, whom, suppressed ? 1 : 0, atMs);
    },
    all: (_nowMs, begin) =>
      pagesOf(
        {
          after: (environment, whom, limit) => tables.all("after", environment, environment, whom, limit),
          said: (row) => ({
            ...{ environment: String(row.environment), whom: String(row.whom) },
            ...{ suppressed: row.suppressed === 1, atMs: Number(row.at_ms) },
          }),
          about: ({ whom }) => whom,
        },
        begin,
      ),
    sweep: async (beforeMs, limit) => (await tables.run("forget-lifted", beforeMs, limit)).changes,
  };
}
