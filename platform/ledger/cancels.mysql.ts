/** Cancels, kept in MySQL before the ledger is told: see keeping.ts. */
import type { Mysql } from "#platform/mysql/mysql.ts";
import type { Kept } from "./keeping.ts";
import { pagesOf } from "./kept.mysql.ts";
import type { Cancel } from "./ledger.ts";

export async function mysqlCancels(mysql: Mysql): Promise<Kept<Cancel>> {
  const tables = await mysql.tables(new URL("./cancels.mysql.sql", import.meta.url));
  return {
    async keep({ environment, notificationId, untilMs }) {
      await tables.run("keep", environment, notificationId, untilMs);
    },
    all: (nowMs, begin) =>
      pagesOf(
        {
          after: (environment, notificationId, limit) => tables.all("after", environment, environment, notificationId, nowMs, limit),
          said: (row) => ({
            environment: String(row.environment),
            notificationId: String(row.notification_id),
            untilMs: Number(row.until_ms),
          }),
          about: ({ notificationId }) => notificationId,
        },
        begin,
      ),
    sweep: async (beforeMs, limit) => (await tables.run("forget", beforeMs, limit)).changes,
  };
}
