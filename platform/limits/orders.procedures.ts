/** Orders of integrations, in the writer thread. */
import type { Sql } from "#platform/sqlite/sqlite.ts";
import { kinds, type Standing } from "./breaker.ts";
import { standingOf } from "./orders.rows.ts";
import { ORDERS_KEPT, type Order } from "./orders.ts";

export default {
  keep(sql: Sql, { integration, order: { is, by, why, atMs } }: { integration: string; order: Order }): readonly Standing[] {
    sql.run("add", integration, kinds[is], is, by, why, atMs);
    sql.run("forget", integration, ORDERS_KEPT);
    return sql.all("standing-of", integration).map(standingOf);
  },
};
