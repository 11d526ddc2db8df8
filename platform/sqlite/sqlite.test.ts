import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fakeClock } from "../../test/fakes/clock.ts";
import type procedures from "./notes.fixture.ts";
import { openDatabase } from "./open.ts";
import type { Calls, Database } from "./sqlite.ts";

const PROCEDURES = new URL("./notes.fixture.ts", import.meta.url);
const STATEMENTS = new URL("./notes.sql", import.meta.url);

let folder: string;
let file: string;
let database: Database;
let notes: Calls<typeof procedures>;
const fatal = vi.fn();

const open = async () => {
  database = await openDatabase({ file, onFatal: fatal });
  notes = await database.procedures<typeof procedures>(PROCEDURES);
};
const texts = () =>
  database
    .reads(STATEMENTS)
    .all("all")
    .map((row) => row.text);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-sqlite-"));
  file = join(folder, "data.sqlite");
  fatal.mockClear();
  await open();
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

test("what a call wrote can be read here once it has resolved", async () => {
  expect(await notes.add("first")).toBe(1);
  expect(texts()).toEqual(["first"]);
  expect(await notes.add("second", { durable: true })).toBe(1);
  expect(texts()).toEqual(["first", "second"]);
});

test("calls run in the order they were made, also those of many turns", async () => {
  const calls: Promise<number>[] = [];
  for (let i = 0; i < 3_000; i++) {
    calls.push(notes.add(`note ${i}`, { durable: i % 3 === 0 }));
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(calls);
  expect(texts()).toEqual(Array.from({ length: 3_000 }, (_, i) => `note ${i}`));
});

test("a call that throws is undone alone and keeps its code; its neighbours stand", async () => {
  const results = await Promise.allSettled([notes.add("a"), notes.addThenThrow("b"), notes.add("a"), notes.add("c")]);
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
  expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ message: "thought better of it", code: "REGRET" });
  expect((results[2] as PromiseRejectedResult).reason).toMatchObject({ code: "SQLITE_CONSTRAINT" });
  expect(texts()).toEqual(["a", "c"]);
});

test("a call that throws alone in its transaction is undone too", async () => {
  await expect(notes.addThenThrow("a")).rejects.toThrow("thought better of it");
  await notes.add("b");
  expect(texts()).toEqual(["b"]);
});

test("calls that wait together are one transaction: a commit that fails rejects all of them, and the writer goes on", async () => {
  const results = await Promise.allSettled([notes.add("a"), notes.replyToNobody(undefined), notes.add("b", { durable: true })]);
  for (const result of results) expect(result).toMatchObject({ status: "rejected", reason: { code: "SQLITE_CONSTRAINT" } });
  expect(texts()).toEqual([]);
  await notes.add("c");
  expect(texts()).toEqual(["c"]);
});

test("a full disk is told by its code, loses nothing that was committed, and is over when there is room again", async () => {
  await notes.add("before");
  await notes.capAt300Pages(undefined);
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => notes.attach(new Uint8Array(500_000))));
  expect(results.filter((result) => result.status === "rejected")).not.toEqual([]);
  for (const result of results) if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "SQLITE_FULL", errcode: 13 });
  await notes.uncap(undefined);
  const attached = database.reads(STATEMENTS).get("attached")?.count;
  expect(attached).toBe(results.filter((result) => result.status === "fulfilled").length);
  await notes.attach(new Uint8Array(500_000), { durable: true });
  expect(texts()).toEqual(["before"]);
});

test("is not healthy from the write that a full disk refuses until half a minute after the last one", async () => {
  await database.close();
  const clock = fakeClock();
  database = await openDatabase({ file, clock });
  notes = await database.procedures<typeof procedures>(PROCEDURES);
  await expect(notes.addThenThrow("a")).rejects.toThrow();
  await notes.add("a");
  await expect(notes.add("a")).rejects.toMatchObject({ code: "SQLITE_CONSTRAINT" });
  expect(database.health()).toEqual({ ok: true });

  await notes.capAt300Pages(undefined);
  const tooMuch = () => expect(notes.attach(new Uint8Array(3_000_000))).rejects.toMatchObject({ code: "SQLITE_FULL" });
  await tooMuch();
  await clock.advance(29_000);
  await notes.count(undefined);
  expect(database.health()).toEqual({ ok: false, why: "the database took no write 29 s ago: SQLITE_FULL" });
  await tooMuch();
  await clock.advance(29_999);
  expect(database.health().ok).toBe(false);
  await clock.advance(1);
  expect(database.health()).toEqual({ ok: true });
});

test("a transferred buffer is handed over, not copied", async () => {
  const bytes = new Uint8Array(1_000).fill(7);
  expect(await notes.attach(bytes, { transfer: [bytes.buffer] })).toBe(1);
  expect(bytes.byteLength).toBe(0);
});

test("arguments that cannot cross to the thread reject their call", async () => {
  await expect(notes.add((() => {}) as never)).rejects.toThrow("could not be cloned");
  await notes.add("after");
  expect(texts()).toEqual(["after"]);
});

test("the reader cannot write", () => {
  expect(() => database.reads(STATEMENTS).run("add", "x")).toThrow("readonly");
});

test("a statement that is not there is named", () => {
  expect(() => database.reads(STATEMENTS).get("nothing")).toThrow('"nothing"');
});

test("migrations run once, and a database of a newer program is refused with a sentence", async () => {
  await notes.add("kept");
  await database.close();
  await open();
  expect(texts()).toEqual(["kept"]);
  await database.close();

  const raw = new DatabaseSync(file);
  expect(raw.prepare("SELECT version FROM schema_versions").all()).toEqual([{ version: 2 }]);
  raw.exec("UPDATE schema_versions SET version = 3");
  raw.close();
  database = await openDatabase({ file, onFatal: fatal });
  await expect(database.procedures(PROCEDURES)).rejects.toThrow("written by a newer version of this program");
});

test("a database of an older program gets what is missing, once, and keeps what it has", async () => {
  await database.close();
  rmSync(file);
  const raw = new DatabaseSync(file);
  const [, first] = /^-- name: schema-1\n([\s\S]*?)\n\n/m.exec(readFileSync(STATEMENTS, "utf8")) as RegExpExecArray;
  raw.exec(`${first}; INSERT INTO notes (text) VALUES ('old')`);
  raw.exec("CREATE TABLE schema_versions (file TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT");
  raw.exec("INSERT INTO schema_versions VALUES ('sqlite/notes.sql', 1)");
  raw.close();
  await open();
  expect(texts()).toEqual(["old"]);
  expect(await notes.attach(new Uint8Array(1))).toBe(1);
  await database.close();
  await open();
  expect(texts()).toEqual(["old"]);
});

test("closing finishes what waits, empties the WAL, and refuses what comes later", async () => {
  const waiting = Promise.all(Array.from({ length: 500 }, (_, i) => notes.add(`note ${i}`)));
  const closed = database.close();
  await expect(notes.add("late")).rejects.toThrow("closed");
  await closed;
  await waiting;
  await database.close();
  await open();
  expect(texts()).toHaveLength(500);
  expect(fatal).not.toHaveBeenCalled();
});

test("a thread that ends by itself rejects every call and is reported", async () => {
  const results = await Promise.allSettled([notes.add("a"), notes.endThread(undefined), notes.add("b")]);
  expect(results.map((result) => result.status)).toEqual(["rejected", "rejected", "rejected"]);
  await vi.waitFor(() => expect(fatal).toHaveBeenCalledOnce());
  await expect(notes.add("c")).rejects.toThrow("writer thread has ended");
});

test("the WAL does not grow without bound when a reader has kept it from being emptied", async () => {
  const reader = new DatabaseSync(file, { readOnly: true });
  reader.exec("BEGIN; SELECT * FROM notes");
  for (let i = 0; i < 80; i++) await notes.attach(new Uint8Array(1_000_000));
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(70_000_000);
  reader.exec("COMMIT");
  reader.close();
  for (let i = 0; i < 128; i++) await notes.add(`note ${i}`);
  expect(statSync(`${file}-wal`).size).toBeLessThan(70_000_000);
});

test("a file that is no database is refused", async () => {
  await database.close();
  writeFileSync(file, "This is a letter, not a database. ".repeat(100));
  await expect(openDatabase({ file, onFatal: fatal })).rejects.toThrow("could not be opened: file is not a database");
  expect(fatal).not.toHaveBeenCalled();
  rmSync(file);
  await open();
});

test("its files are their owner's alone, whatever mode they had", async () => {
  await notes.add("first");
  const mode = (suffix: string) => (statSync(file + suffix).mode & 0o777).toString(8);
  const modes = () => ["", "-wal", "-shm", ".lock"].map(mode);
  expect(modes()).toEqual(["600", "600", "600", "600"]);
  await database.close();
  for (const suffix of ["", ".lock"]) chmodSync(file + suffix, 0o644);
  await open();
  expect(modes()).toEqual(["600", "600", "600", "600"]);
});

test("it opens in a process with options of V8's", async () => {
  await database.close();
  const { child, says } = await hold("--max-old-space-size=200");
  expect(says).toBe("open");
  child.kill("SIGKILL");
  await once(child, "exit");
  await open();
});

const hold = async (...options: string[]): Promise<{ child: ChildProcess; says: string }> => {
  const child = spawn(process.execPath, ["--no-warnings", ...options, fileURLToPath(new URL("./hold.fixture.ts", import.meta.url)), file]);
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return { child, says: said.toString().trim() };
};

test("a second process is refused with a sentence", async () => {
  const { child, says } = await hold();
  expect(says).toMatch(/in use by another process/);
  if (child.exitCode === null) await once(child, "exit");
  await expect(openDatabase({ file })).rejects.toMatchObject({ code: "SQLITE_BUSY" });
});

test("a process that was killed leaves no lock behind", async () => {
  await database.close();
  const { child, says } = await hold();
  expect(says).toBe("open");
  child.kill("SIGKILL");
  await once(child, "exit");
  await open();
});
