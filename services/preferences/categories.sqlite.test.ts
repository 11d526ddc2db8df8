import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { sqliteCategoryStore } from "./categories.sqlite.ts";
import { categoryStoreSuite } from "./categories.suite.ts";

let folder: string;
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-categories-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
});

afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

categoryStoreSuite("SQLite", () => sqliteCategoryStore(database));
