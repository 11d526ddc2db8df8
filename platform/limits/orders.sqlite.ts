/** Orders of integrations in SQLite. */
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./orders.procedures.ts";
import { byIntegration, orderOf } from "./orders.rows.ts";
import { ORDERS_KEPT, type Orders } from "./orders.ts";

export async function sqliteOrders(database: Database): Promise<Orders> {
  const calls = await database.procedures<typeof procedures>(new URL("./orders.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./orders.sql", import.meta.url));
  return {
    keep: (integration, order) => calls.keep({ integration, order }, { durable: true }),
    standing: async () => byIntegration(reads.all("standing")),
    newest: async (integration) => reads.all("newest", integration, ORDERS_KEPT).map(orderOf),
  };
}
