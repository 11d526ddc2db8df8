import { afterAll, beforeAll } from "vitest";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { mysqlCategoryStore } from "./categories.mysql.ts";
import { categoryStoreSuite } from "./categories.suite.ts";
import type { CategoryStore } from "./categories.ts";

let database: TestDatabase;
let store: CategoryStore;

beforeAll(async () => {
  database = await testDatabase();
  store = await mysqlCategoryStore(await database.open());
});
afterAll(() => database.end());

categoryStoreSuite("MySQL", async () => {
  await database.admin.query("DELETE FROM categories");
  return store;
});
