/**
 * Cancels, kept in MySQL before the ledger is told: one that has lost its data is told them again, and nothing is sent until it has been.
 */
import type { Mysql } from "#platform/mysql/mysql.ts";
import type { Cancel, Ledger } from "./ledger.ts";

const PAGE = 500;

export interface Cancels {
  /** Durable. */
  keep(cancel: Cancel): Promise<void>;
  /** Tells a ledger all that have not run out. */
  restore(ledger: Pick<Ledger, "cancel">, nowMs: number): Promise<void>;
  /** Forgets those that have run out, at most so many; answers how many. */
  sweep(beforeMs: number, limit: number): Promise<number>;
}

export async function mysqlCancels(mysql: Mysql): Promise<Cancels> {
  const tables = await mysql.tables(new URL("./cancels.mysql.sql", import.meta.url));
  return {
    async keep({ environment, notificationId, untilMs }) {
      await tables.run("keep", environment, notificationId, untilMs);
    },
    async restore(ledger, nowMs) {
      let [environment, notificationId] = ["", ""];
      for (;;) {
        const rows = await tables.all("after", environment, environment, notificationId, nowMs, PAGE);
        const cancels = rows.map((row) => ({
          environment: String(row.environment),
          notificationId: String(row.notification_id),
          untilMs: Number(row.until_ms),
        }));
        await Promise.all(cancels.map((cancel) => ledger.cancel(cancel)));
        const last = cancels.at(-1);
        if (!last || cancels.length < PAGE) return;
        ({ environment, notificationId } = last);
      }
    },
    sweep: async (beforeMs, limit) => (await tables.run("forget", beforeMs, limit)).changes,
  };
}

/** The cancel is kept before the ledger knows of it: what has been answered holds whatever the ledger loses. */
export const keepingCancels = <L extends Ledger>(ledger: L, cancels: Cancels): L => ({
  ...ledger,
  async cancel(cancel: Cancel) {
    await cancels.keep(cancel);
    return ledger.cancel(cancel);
  },
});
