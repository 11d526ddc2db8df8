import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { sqliteReservations } from "./reservations.sqlite.ts";
import { reservationsSuite } from "./reservations.suite.ts";

let folder: string;
let database: Database;
const open = async () => {
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  return sqliteReservations(database);
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "carillon-ingest-"));
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

reservationsSuite("SQLite", open);

it("keeps reservations over a restart", async () => {
  const kept = {
    ...{ environment: "development", notificationId: "n-a", hash: "h", requested: new Uint8Array([1]), key: "development/ann" },
    ...{ acceptedAtMs: 1_000, accepted: false },
  };
  await (await open()).reserve([kept]);
  await database.close();
  expect(await (await open()).reserve([{ ...kept, hash: "another" }])).toEqual([kept]);
});
