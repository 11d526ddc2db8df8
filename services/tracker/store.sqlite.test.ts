import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { statsSuite } from "./stats.suite.ts";
import { sqliteHistoryStore } from "./store.sqlite.ts";
import { historyStoreSuite, sweptHistoryStoreSuite } from "./store.suite.ts";

let folder: string;
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-tracker-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
});

afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

historyStoreSuite("SQLite", () => sqliteHistoryStore(database));
sweptHistoryStoreSuite("SQLite", () => sqliteHistoryStore(database));
statsSuite("SQLite", () => sqliteHistoryStore(database));
