import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { sqliteScheduleStore } from "./store.sqlite.ts";
import { scheduleStoreSuite } from "./store.suite.ts";

const directories: string[] = [];
const databases: Database[] = [];
const newFile = () => {
  const directory = mkdtempSync(join(tmpdir(), "carillon-schedule-"));
  directories.push(directory);
  return join(directory, "test.sqlite");
};
const open = async (file: string) => {
  const database = await openDatabase({ file });
  databases.push(database);
  return sqliteScheduleStore(database);
};
afterEach(async () => {
  for (const database of databases.splice(0)) await database.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

scheduleStoreSuite("SQLite", () => open(newFile()));

it("keeps waits over a restart", async () => {
  const file = newFile();
  const kept = { id: "a", dueAtMs: 5, topic: "email-notifications", key: "k", value: new Uint8Array([1]), trace: "" };
  await (await open(file)).put([kept]);
  await databases.pop()?.close();
  expect(await (await open(file)).due(5, 10)).toEqual([kept]);
});
