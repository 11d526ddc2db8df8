import { afterAll, beforeAll } from "vitest";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { mysqlOrders } from "./orders.mysql.ts";
import { ordersSuite } from "./orders.suite.ts";
import type { Orders } from "./orders.ts";

let database: TestDatabase;
let orders: Orders;

beforeAll(async () => {
  database = await testDatabase();
  orders = await mysqlOrders(await database.open());
});
afterAll(() => database.end());

ordersSuite("MySQL", async () => {
  await database.admin.query("DELETE FROM integration_orders");
  return orders;
});
