import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { sqliteOrders } from "./orders.sqlite.ts";
import { ordersSuite } from "./orders.suite.ts";

let folder: string;
let database: Database;
const open = () => openDatabase({ file: join(folder, "carillon.sqlite") });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-orders-"));
  database = await open();
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

ordersSuite("SQLite", () => sqliteOrders(database));

it("orders of integrations hold when the file is opened again", async () => {
  const kept = await (await sqliteOrders(database)).keep("a", { is: "pause", by: "ck", why: "w", atMs: 5 });
  await database.close();
  database = await open();
  expect(await (await sqliteOrders(database)).standing()).toEqual([{ integration: "a", standing: kept }]);
});
