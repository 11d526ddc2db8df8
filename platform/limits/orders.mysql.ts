/** Orders of integrations in MySQL. Of two at the same moment the one with the greater number is the later one, whichever is answered first. */
import type { Mysql } from "#platform/mysql/mysql.ts";
import { kinds } from "./breaker.ts";
import { byIntegration, orderOf, standingOf } from "./orders.rows.ts";
import { ORDERS_KEPT, type Orders } from "./orders.ts";

export async function mysqlOrders(mysql: Mysql): Promise<Orders> {
  const tables = await mysql.tables(new URL("./orders.mysql.sql", import.meta.url));
  return {
    async keep(integration, { is, by, why, atMs }) {
      await tables.run("add", integration, kinds[is], is, by, why, atMs);
      const old = await tables.all("old", integration, integration, ORDERS_KEPT, integration);
      if (old.length > 0)
        await tables.run(
          "forget",
          old.map(({ number }) => Number(number)),
        );
      return (await tables.all("standing-of", integration)).map(standingOf);
    },
    standing: async () => byIntegration(await tables.all("standing")),
    newest: async (integration) => (await tables.all("newest", integration, ORDERS_KEPT)).map(orderOf),
  };
}
