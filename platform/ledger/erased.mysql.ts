/** Erasures, kept in MySQL before the ledger is told: see keeping.ts. */
import type { Mysql } from "#platform/mysql/mysql.ts";
import type { Kept } from "./keeping.ts";
import type { Erased } from "./ledger.ts";

const PAGE = 500;

export async function mysqlErased(mysql: Mysql): Promise<Kept<Erased>> {
  const tables = await mysql.tables(new URL("./erased.mysql.sql", import.meta.url));
  return {
    async keep({ environment, whom, atMs, untilMs }) {
      await tables.run("keep", environment, whom, atMs, untilMs);
    },
    async *all(nowMs) {
      let [environment, whom] = ["", ""];
      for (;;) {
        const rows = await tables.all("after", environment, environment, whom, nowMs, PAGE);
        const page = rows.map((row) => ({
          ...{ environment: String(row.environment), whom: String(row.whom) },
          ...{ atMs: Number(row.at_ms), untilMs: Number(row.until_ms) },
        }));
        yield page;
        const last = page.at(-1);
        if (!last || page.length < PAGE) return;
        ({ environment, whom } = last);
      }
    },
    sweep: async (beforeMs, limit) => (await tables.run("forget", beforeMs, limit)).changes,
  };
}
