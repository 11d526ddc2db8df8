import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { sqliteTemplateStore } from "./store.sqlite.ts";
import { templateStoreSuite } from "./store.suite.ts";

let folder: string;
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-templates-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
});

afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

templateStoreSuite("SQLite", () => sqliteTemplateStore(database));

it("keeps templates over a restart", async () => {
  await (await sqliteTemplateStore(database)).create("development", { name: "t", source: new Uint8Array([1, 2]) }, 5);
  await database.close();
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  expect((await (await sqliteTemplateStore(database)).version("development", "t", 1))?.source).toEqual(new Uint8Array([1, 2]));
});
