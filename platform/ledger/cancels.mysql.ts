/** Cancels, kept in MySQL before the ledger is told: see keeping.ts. */
import type { Mysql } from "#platform/mysql/mysql.ts";
import type { Kept } from "./keeping.ts";
import type { Cancel } from "./ledger.ts";

const PAGE = 500;

export async function mysqlCancels(mysql: Mysql): Promise<Kept<Cancel>> {
  const tables = await mysql.tables(new URL("./cancels.mysql.sql", import.meta.url));
  return {
    async keep({ environment, notificationId, untilMs }) {
      await tables.run("keep", environment, notificationId, untilMs);
    },
    async *all(nowMs) {
      let [environment, notificationId] = ["", ""];
      for (;;) {
        const rows = await tables.all("after", environment, environment, notificationId, nowMs, PAGE);
        const page = rows.map((row) => ({
          environment: String(row.environment),
          notificationId: String(row.notification_id),
          untilMs: Number(row.until_ms),
        }));
        yield page;
        const last = page.at(-1);
        if (!last || page.length < PAGE) return;
        ({ environment, notificationId } = last);
      }
    },
    sweep: async (beforeMs, limit) => (await tables.run("forget", beforeMs, limit)).changes,
  };
}
