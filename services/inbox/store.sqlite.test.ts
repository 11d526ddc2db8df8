import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { sqliteInboxStore } from "./store.sqlite.ts";
import { inboxStoreSuite, KEPT } from "./store.suite.ts";

let folder: string;
let database: Database;
const open = async () => {
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  return sqliteInboxStore(database, KEPT);
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "carillon-inbox-"));
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

inboxStoreSuite("SQLite", open);

it("goes on counting in the same epoch after a restart, and knows what it has stored", async () => {
  const row = (word: string) => ({
    ...{ environment: "development", userId: "ann", deliveryId: `d-${word}`, notificationId: `n-${word}`, eventType: "", category: "post" },
    ...{ title: word, body: "", createdAtMs: 5 },
  });
  const [first] = await (await open()).add([row("a")]);
  await database.close();
  const store = await open();
  expect(await store.add([row("a"), row("b")])).toEqual([first, { ...first, seq: 2 }]);
});
