import { afterAll, beforeAll } from "vitest";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { mysqlSuppressionStore } from "./suppressions.mysql.ts";
import { suppressionStoreSuite } from "./suppressions.suite.ts";
import type { SuppressionStore } from "./suppressions.ts";

let database: TestDatabase;
let store: SuppressionStore;

beforeAll(async () => {
  database = await testDatabase();
  store = await mysqlSuppressionStore(await database.open());
});
afterAll(() => database.end());

suppressionStoreSuite("MySQL", async () => {
  await database.admin.query("DELETE FROM suppressions");
  return store;
});
