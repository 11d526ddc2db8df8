import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import type { Tables } from "./mysql.ts";

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  database = await testDatabase();
  folder = mkdtempSync(join(tmpdir(), "carillon-migrations-"));
});
afterEach(async () => {
  await database.end();
  rmSync(folder, { recursive: true });
});

const file = (...migrations: string[]): string => {
  const path = join(folder, "store.sql");
  writeFileSync(path, migrations.map((text, at) => `-- name: schema-${at + 1}\n${text}\n`).join("\n"));
  return path;
};
const migrate = async (path: string): Promise<Tables> => (await database.open()).tables(pathToFileURL(path));
const tables = async () => {
  const [rows] = await database.admin.query(
    "SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1",
  );
  return (rows as { name: string }[]).map(({ name }) => name).filter((name) => name !== "schema_versions");
};
const state = async () => {
  const [rows] = await database.admin.query("SELECT CONVERT(store USING utf8mb4) AS store, version, begun, done FROM schema_versions");
  return rows;
};
const store = () => `${basename(folder)}/store.sql`;

const ONE = "CREATE TABLE one (a INT);\nCREATE TABLE two (a INT);";
const TWO =
  "ALTER TABLE one ADD COLUMN b INT, ADD KEY one_b (b);\n-- A comment; it is no statement.\nINSERT INTO one (a, b) VALUES (1, 2);";

test("migrations run once, in order, and later ones when they come", async () => {
  await migrate(file(ONE));
  expect(await tables()).toEqual(["one", "two"]);
  await migrate(file(ONE, TWO));
  await migrate(file(ONE, TWO));
  expect(await state()).toEqual([{ store: store(), version: 2, begun: 0, done: 0 }]);
  expect((await database.admin.query("SELECT a, b FROM one"))[0]).toEqual([{ a: 1, b: 2 }]);
});

test("a database that is up to date is only read, so that a user who may change no tables can start", async () => {
  await migrate(file(ONE));
  const user = `r${new URL(database.url).pathname.slice(-12)}`;
  await database.admin.query(
    `CREATE USER ${user} IDENTIFIED BY 'geheim'; GRANT SELECT ON ${new URL(database.url).pathname.slice(1)}.* TO ${user}`,
  );
  try {
    const url = Object.assign(new URL(database.url), { username: user, password: "geheim" }).href;
    await (await database.open({ url })).tables(pathToFileURL(file(ONE)));
    const more = (await database.open({ url })).tables(pathToFileURL(file(ONE, TWO)));
    await expect(more).rejects.toThrow(/cannot be used \(ER_TABLEACCESS_DENIED_ERROR\)/);
  } finally {
    await database.admin.query(`DROP USER ${user}`);
  }
  await migrate(file(ONE, TWO));
});

test("a newer database is refused with the sentence that the other one says", async () => {
  await migrate(file(ONE, TWO));
  await expect(migrate(file(ONE))).rejects.toThrow(
    `The database was written by a newer version of this program (${store()} is at 2, this one knows 1). Start the newer version, or restore a backup.`,
  );
});

test("two processes that start at the same time migrate once", async () => {
  const path = file(ONE, TWO, "INSERT INTO two (a) VALUES (7);");
  const fixture = fileURLToPath(new URL("./migrate.fixture.ts", import.meta.url));
  const children = [0, 1, 2].map(() => spawn(process.execPath, ["--no-warnings", fixture, database.url, path]));
  const says = await Promise.all(
    children.map(async (child) => {
      let said = "";
      child.stdout.on("data", (words) => {
        said += words;
      });
      await once(child, "exit");
      return said.trim();
    }),
  );
  expect(says).toEqual(["migrated", "migrated", "migrated"]);
  expect((await database.admin.query("SELECT a FROM two"))[0]).toEqual([{ a: 7 }]);
});

test("a statement that fails is named with its place, and the next start goes on from there", async () => {
  await database.admin.query("CREATE TABLE two (other INT)");
  await expect(migrate(file(ONE))).rejects.toThrow(
    `Migration 1 of ${store()} stopped at its statement 2 (ER_TABLE_EXISTS_ERROR). What was done before it is kept. ` +
      "Mend the cause and start again: it goes on from there.",
  );
  expect(await state()).toEqual([{ store: store(), version: 0, begun: 2, done: 1 }]);
  await database.admin.query("DROP TABLE two");
  await migrate(file(ONE));
  expect(await tables()).toEqual(["one", "two"]);
});

test.each([
  ["before the statement", ""],
  ["after the statement", "CREATE TABLE two (a INT)"],
])("a machine that died %s leaves nothing that a start does not finish", async (_when, done) => {
  await migrate(file("CREATE TABLE one (a INT);"));
  if (done !== "") await database.admin.query(done);
  await database.admin.query("UPDATE schema_versions SET version = 0, begun = 2, done = 1");
  await migrate(file(ONE));
  expect(await tables()).toEqual(["one", "two"]);
  expect(await state()).toMatchObject([{ version: 1, begun: 0, done: 0 }]);
});

test("a connection that is lost in the middle is had again, and the rest is done", async () => {
  const gate = `gate ${store()}`.slice(0, 60);
  await database.admin.query("SELECT GET_LOCK(?, 0)", [gate]);
  const lines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
  const migrating = (await database.open({ logger })).tables(
    pathToFileURL(file(`CREATE TABLE one (a INT);\nDO GET_LOCK('${gate}', 60);\nCREATE TABLE two (a INT);`)),
  );
  const waiting = () =>
    vi.waitFor(async () => {
      const [[thread]] = (await database.admin.query(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE 'DO GET_LOCK%'",
      )) as [{ ID: number }[], unknown];
      if (!thread) throw new Error("not there yet");
      return thread.ID;
    }, 10_000);
  await database.admin.query(`KILL ${await waiting()}`);
  await vi.waitFor(() => expect(lines.join()).toContain("waiting for MySQL"), 10_000);
  await waiting();
  expect(await tables()).toEqual(["one"]);
  await database.admin.query("SELECT RELEASE_LOCK(?)", [gate]);
  await migrating;
  expect(await tables()).toEqual(["one", "two"]);
});

test("who waits for another process that migrates says so", async () => {
  await migrate(file(ONE));
  await database.admin.query("SELECT GET_LOCK(CONCAT('carillon-', MD5(DATABASE())), 0)");
  const lines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
  const migrating = (await database.open({ logger })).tables(pathToFileURL(file(ONE, TWO)));
  await vi.waitFor(() => expect(lines.join()).toContain("waiting for another process that changes the tables"), 10_000);
  await database.admin.query("DO RELEASE_ALL_LOCKS()");
  await migrating;
  expect(await state()).toMatchObject([{ version: 2 }]);
});
