import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Problem } from "#domain/errors.ts";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import type { Mysql, Tables } from "./mysql.ts";

const STATEMENTS = new URL("./notes.mysql.sql", import.meta.url);

let database: TestDatabase;
let metrics: Registry;
let mysql: Mysql;
let notes: Tables;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.end());
beforeEach(async () => {
  metrics = new Registry();
  mysql = await database.open({ metrics });
  notes = await mysql.tables(STATEMENTS);
});
afterEach(async () => {
  await mysql.close();
  await database.admin.query("DELETE FROM notes");
});

const metric = async (name: string) => (await metrics.getSingleMetric(name)?.get())?.values ?? [];
const times = async (id: string) => (await notes.get("find", [id]))?.times;
const failure = async (work: Promise<unknown>): Promise<Problem> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return error as Problem;
};
const unavailable = async (work: Promise<unknown>) => {
  const problem = await failure(work);
  expect([problem.reason, problem.retryAfterMs]).toEqual(["STORE_UNAVAILABLE", 1_000]);
};
/** Resolves when as many have come. */
const gate = (count: number) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let come = 0;
  return () => {
    if (++come === count) resolve();
    return promise;
  };
};

test("text, bytes, numbers and nothing come back as they went", async () => {
  const bytes = new Uint8Array(256).map((_, at) => at);
  const words = "caf\u00e9 \u{1f514}\u0000 '\\\" ";
  await notes.run("add-all", [
    ["a", words, bytes, words, Number.MAX_SAFE_INTEGER],
    ["b", "", new Uint8Array(), "", -5],
    ["c", "x", null, null, 0],
  ]);
  expect(await notes.all("find", ["c", "a", "b"])).toEqual([
    { id: "a", words, bytes, long_words: words, times: Number.MAX_SAFE_INTEGER },
    { id: "b", words: "", bytes: new Uint8Array(), long_words: "", times: -5 },
    { id: "c", words: "x", bytes: null, long_words: null, times: 0 },
  ]);
});

test("a batch that takes several statements is all there or none", async () => {
  const rows = Array.from({ length: 300 }, (_, at) => [`id ${at}`, "x", null, null, 0]);
  const tooLong = [...rows, ["last", "x".repeat(101), null, null, 0]];
  expect(await failure(notes.run("add-all", tooLong))).toMatchObject({ name: "DatabaseError", code: "ER_DATA_TOO_LONG" });
  expect(await notes.get("count")).toEqual({ count: 0 });
  expect(await notes.run("add-all", rows)).toEqual({ changes: 300 });
  expect(await notes.get("count")).toEqual({ count: 300 });
});

test("every connection is strict, in UTC, and waits for no lock longer than a caller waits", async () => {
  const settings = await Promise.all(Array.from({ length: 5 }, () => notes.get("settings")));
  for (const found of settings)
    expect(found).toEqual({ mode: "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION", zone: "+00:00", lock_wait: 3 });
});

test("a refusal names the statement and the code, and holds nothing of the values", async () => {
  await notes.run("add", "ann", "words of ann");
  const refused = await failure(notes.run("add", "ann", "words of ann"));
  expect(refused.message).toBe('"add" of mysql/notes.mysql.sql failed: ER_DUP_ENTRY (1062).');
  expect(JSON.stringify(refused, Object.getOwnPropertyNames(refused))).not.toContain("ann");
  expect(await failure(notes.all("nonsense"))).toMatchObject({ name: "DatabaseError", code: "ER_NO_SUCH_TABLE" });
  expect((await failure(notes.all("nothing of that name"))).message).toBe(
    'mysql/notes.mysql.sql has no statement named "nothing of that name".',
  );
  expect(await metric("carillon_mysql_failed_total")).toMatchObject([{ labels: { as: "refused" }, value: 2 }]);
});

test("a transaction is whole or not at all", async () => {
  await notes.run("add", "a", "x");
  const thought = notes.transaction(async (sql) => {
    await sql.run("count-up", "a");
    expect(await sql.get("find", ["a"])).toMatchObject({ times: 1 });
    expect(await times("a")).toBe(0);
    throw new TypeError("thought better of it");
  });
  await expect(thought).rejects.toThrow("thought better of it");
  expect(await times("a")).toBe(0);
  const refused = notes.transaction(async (sql) => {
    await sql.run("count-up", "a");
    await sql.run("add", "a", "again");
  });
  expect(await failure(refused)).toMatchObject({ code: "ER_DUP_ENTRY" });
  expect(await times("a")).toBe(0);
  expect(await notes.transaction(async (sql) => (await sql.run("count-up", "a")).changes)).toBe(1);
  expect(await times("a")).toBe(1);
});

test("two transactions that lock each other out are both done, one of them anew", async () => {
  await notes.run("add-all", [
    ["a", "x", null, null, 0],
    ["b", "x", null, null, 0],
  ]);
  const bothHold = gate(2);
  let begun = 0;
  const crossing = (first: string, second: string) =>
    notes.transaction(async (sql) => {
      begun++;
      await sql.run("count-up", first);
      await bothHold();
      await sql.run("count-up", second);
    });
  await Promise.all([crossing("a", "b"), crossing("b", "a")]);
  expect(begun).toBe(3);
  expect([await times("a"), await times("b")]).toEqual([2, 2]);
  expect(await metric("carillon_mysql_repeated_total")).toMatchObject([{ labels: { code: "ER_LOCK_DEADLOCK" }, value: 1 }]);
});

test("a lock that somebody keeps is waited for, twice, and then it is unavailable", async () => {
  await notes.run("add", "a", "x");
  await database.admin.query("START TRANSACTION; SELECT id FROM notes WHERE id = 'a' FOR UPDATE");
  try {
    await unavailable(notes.run("count-up", "a"));
  } finally {
    await database.admin.query("ROLLBACK");
  }
  expect(await metric("carillon_mysql_repeated_total")).toMatchObject([{ labels: { code: "ER_LOCK_WAIT_TIMEOUT" }, value: 1 }]);
  expect(await notes.run("count-up", "a")).toEqual({ changes: 1 });
});

test("a connection that is killed in the middle of a transaction leaves nothing half done, and the next one works", async () => {
  await notes.run("add", "a", "x");
  const killed = notes.transaction(async (sql) => {
    await sql.run("count-up", "a");
    const [threads] = await database.admin.query(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()",
    );
    for (const { ID } of threads as { ID: number }[]) await database.admin.query(`KILL ${ID}`);
    await sql.run("count-up", "a");
  });
  await unavailable(killed);
  expect(await times("a")).toBe(0);
  expect(await notes.run("count-up", "a")).toEqual({ changes: 1 });
});

test("when closed it takes no more, and closing twice does no harm", async () => {
  await mysql.close();
  expect((await failure(notes.get("count"))).message).toBe("The database is closed.");
  await mysql.close();
});
