/** Suppressions, kept in MySQL before the ledger is told, as cancels are (cancels.mysql.ts). */
import type { Mysql } from "#platform/mysql/mysql.ts";
import type { Kept } from "./keeping.ts";
import type { Suppressed } from "./ledger.ts";

const PAGE = 500;

export async function mysqlSuppressed(mysql: Mysql): Promise<Kept<Suppressed>> {
  const tables = await mysql.tables(new URL("./suppressed.mysql.sql", import.meta.url));
  return {
    async keep({ environment, whom, suppressed, atMs }) {
      await tables.run("keep", environment, whom, suppressed ? 1 : 0, atMs);
    },
    async *all() {
      let [environment, whom] = ["", ""];
      for (;;) {
        const rows = await tables.all("after", environment, environment, whom, PAGE);
        const page = rows.map((row) => ({
          ...{ environment: String(row.environment), whom: String(row.whom) },
          ...{ suppressed: row.suppressed === 1, atMs: Number(row.at_ms) },
        }));
        yield page;
        const last = page.at(-1);
        if (!last || page.length < PAGE) return;
        ({ environment, whom } = last);
      }
    },
    sweep: async (beforeMs, limit) => (await tables.run("forget-lifted", beforeMs, limit)).changes,
  };
}
