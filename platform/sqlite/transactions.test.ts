import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Transactions } from "./transactions.ts";

let folder: string;
let file: string;
let database: DatabaseSync;
let transactions: Transactions;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "carillon-transactions-"));
  file = join(folder, "data.sqlite");
  database = new DatabaseSync(file);
  transactions = new Transactions(database, file);
  database.exec("CREATE TABLE files (bytes BLOB NOT NULL) STRICT; INSERT INTO files VALUES (x'00'), (x'01')");
});
afterEach(() => rmSync(folder, { recursive: true }));

const attach = (bytes: number) =>
  transactions.commit([{ is: "call", id: 1, module: "", name: "", args: undefined, durable: false }], () => {
    database.prepare("INSERT INTO files VALUES (?)").run(new Uint8Array(bytes));
  });
const tend = () => {
  for (let i = 0; i < 64; i++) transactions.tend();
};
/** A statement under way on the writer's own connection: SQLite refuses every checkpoint with an error as long as it is. */
const reading = () => {
  const rows = database.prepare("SELECT bytes FROM files").iterate();
  rows.next();
  expect(() => database.exec("PRAGMA wal_checkpoint(TRUNCATE)")).toThrow("locked");
  return rows;
};

test("a checkpoint that is refused ends nothing: what was committed stays, and the WAL is emptied later", () => {
  const rows = reading();
  for (let i = 0; i < 70; i++) expect(attach(1_000_000)).toEqual([{ id: 1, value: undefined }]);
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(64 * 1024 * 1024);
  tend();
  expect(database.prepare("PRAGMA busy_timeout").get()).toEqual({ timeout: 5_000 });
  rows.return?.();
  tend();
  expect(statSync(`${file}-wal`).size).toBe(0);
  expect(attach(1)).toEqual([{ id: 1, value: undefined }]);
  expect(database.prepare("SELECT count(*) AS count FROM files").get()).toEqual({ count: 73 });
  transactions.close();
});

test("closes also where the last checkpoint is refused", () => {
  attach(1);
  reading();
  transactions.close();
  const again = new DatabaseSync(file);
  expect(again.prepare("SELECT count(*) AS count FROM files").get()).toEqual({ count: 3 });
  again.close();
});

test.each([
  [true, 2],
  [false, 1],
])("durable: %s, so the level of synchronous is %i when the commit begins", (durable, level) => {
  const call = { is: "call", id: 1, module: "", name: "", args: undefined, durable: false } as const;
  let found: unknown;
  transactions.commit([call, { ...call, id: 2, durable }], () => {
    found = database.prepare("PRAGMA synchronous").get();
  });
  expect(found).toEqual({ synchronous: level });
  transactions.close();
});
