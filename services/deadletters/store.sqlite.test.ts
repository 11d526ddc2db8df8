import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { replaysSuite } from "./replays.suite.ts";
import { sqliteDeadLetterStore } from "./store.sqlite.ts";
import { deadLetterStoreSuite } from "./store.suite.ts";

let folder: string;
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-deadletters-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
});

afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

deadLetterStoreSuite("SQLite", () => sqliteDeadLetterStore(database));

// Two of them in one process, on one file: as two calls at the same time are.
replaysSuite("SQLite", async () => {
  const store = await sqliteDeadLetterStore(database);
  return { store, other: store };
});
