import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { seedDevelopment } from "./development.ts";
import { sqlitePreferenceStore } from "./store.sqlite.ts";
import { preferenceStoreSuite } from "./store.suite.ts";

let folder: string;
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-preferences-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
});

afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

preferenceStoreSuite("SQLite", () => sqlitePreferenceStore(database));

it("keeps people over a restart", async () => {
  await (await sqlitePreferenceStore(database)).upsert("development", [{ userId: "ann", name: "Ann" }], 5);
  await database.close();
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  const [ann] = await (await sqlitePreferenceStore(database)).find("development", ["ann"]);
  expect(ann?.person.name).toBe("Ann");
});

it("development starts with ann and bo, and leaves whoever is there already as they are", async () => {
  const store = await sqlitePreferenceStore(database);
  await store.upsert("development", [{ userId: "ann", email: "ann@elsewhere.test" }], 5);
  await seedDevelopment(store, systemClock);
  await store.upsert("development", [{ userId: "bo", name: "Bob" }], 9);
  await seedDevelopment(store, systemClock);
  const people = (await store.find("development", ["ann", "bo"])).map((known) => [known?.person.name, known?.person.email]);
  expect(people).toEqual([
    ["", "ann@elsewhere.test"],
    ["Bob", "bo@example.test"],
  ]);
});
