import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { sqliteReservations } from "./reservations.sqlite.ts";
import { reservationsSuite, START_MS } from "./reservations.suite.ts";
import { KEPT_MS } from "./reservations.ts";

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

reservationsSuite("SQLite", async () => {
  const reservations = await open();
  let nowMs = START_MS;
  return {
    reservations,
    async pass(ms) {
      nowMs += ms;
      await reservations.forget?.(nowMs - KEPT_MS, 1_000);
    },
  };
});

it("forgets what is older than a moment, the oldest first and no more than it was told", async () => {
  const reservations = await open();
  const taken = [40, 10, 30, 20].map((acceptedAtMs) => ({
    ...{
      environment: "development",
      notificationId: `n-${acceptedAtMs}`,
      hash: "h",
      requested: new Uint8Array([1]),
      key: "development/ann",
    },
    ...{ acceptedAtMs, accepted: false },
  }));
  await reservations.reserve(taken);
  const left = async () => {
    const found = await Promise.all(taken.map(({ environment, notificationId }) => reservations.get(environment, notificationId)));
    return found.flatMap((each) => (each ? [each.acceptedAtMs] : [])).sort();
  };
  expect(await reservations.forget?.(40, 2)).toBe(2);
  expect(await left()).toEqual([30, 40]);
  expect(await reservations.forget?.(40, 2)).toBe(1);
  expect(await reservations.forget?.(40, 2)).toBe(0);
  expect(await left()).toEqual([40]);
});

it("keeps reservations over a restart", async () => {
  const kept = {
    ...{ environment: "development", notificationId: "n-a", hash: "h", requested: new Uint8Array([1]), key: "development/ann" },
    ...{ acceptedAtMs: 1_000, accepted: false },
  };
  await (await open()).reserve([kept]);
  await database.close();
  expect(await (await open()).reserve([{ ...kept, hash: "another" }])).toEqual([kept]);
});
