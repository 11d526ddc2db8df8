import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { sqliteAccessStore } from "./store.sqlite.ts";
import { accessStoreSuite } from "./store.suite.ts";

let folder: string;
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-access-"));
  database = await openDatabase({ file: join(folder, "carillon.sqlite") });
});

afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

it("development's environment of an older program is for tests from now on; one that an admin made live stays so", async () => {
  const live = { kind: EnvironmentKind.LIVE, createdAtMs: 1 };
  const older = async (home: boolean) => {
    const store = await sqliteAccessStore(database);
    await store.createEnvironment({ name: "development", home, ...live }, 10);
    await database.close();
    const file = join(folder, "carillon.sqlite");
    const raw = new DatabaseSync(file);
    raw.exec("UPDATE schema_versions SET version = 1 WHERE file = 'access/store.sql'");
    raw.exec(`UPDATE access_environments SET kind = 1, home = ${home ? 1 : 0}`);
    raw.close();
    database = await openDatabase({ file });
    return (await (await sqliteAccessStore(database)).findEnvironment("development"))?.kind;
  };
  expect(await older(true)).toBe(EnvironmentKind.TEST);
  expect(await older(false)).toBe(EnvironmentKind.LIVE);
});

accessStoreSuite("SQLite", () => sqliteAccessStore(database));
