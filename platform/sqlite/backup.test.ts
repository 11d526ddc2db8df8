import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { backUp } from "./backup.ts";
import type procedures from "./notes.fixture.ts";
import { openDatabase } from "./open.ts";
import type { Calls, Database } from "./sqlite.ts";

const PROCEDURES = new URL("./notes.fixture.ts", import.meta.url);
const STATEMENTS = new URL("./notes.sql", import.meta.url);

let folder: string;
let file: string;
let to: string;
let database: Database;
let notes: Calls<typeof procedures>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-backup-"));
  file = join(folder, "data.sqlite");
  to = join(folder, "backup.sqlite");
  database = await openDatabase({ file });
  notes = await database.procedures<typeof procedures>(PROCEDURES);
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

async function textsOf(path: string): Promise<unknown[]> {
  const copy = await openDatabase({ file: path });
  try {
    await copy.procedures(PROCEDURES);
    return copy
      .reads(STATEMENTS)
      .all("all")
      .map((row) => row.text);
  } finally {
    await copy.close();
  }
}

it("copies a database in use, with all that was answered before, and the copy opens as a database of its own", async () => {
  const wanted = Array.from({ length: 200 }, (_, index) => `note ${index}`);
  await Promise.all(wanted.map((text) => notes.add(text)));
  const bytes = backUp(file, to);
  await notes.add("later");
  expect(bytes).toBe(statSync(to).size);
  expect(await textsOf(to)).toEqual(wanted);
});

it("copies a database that nobody has open", async () => {
  await notes.add("kept");
  await database.close();
  backUp(file, to);
  expect(await textsOf(to)).toEqual(["kept"]);
});

it("lets nobody but its owner read the copy", () => {
  backUp(file, to);
  expect(statSync(to).mode & 0o777).toBe(0o600);
});

it("never overwrites, and leaves what is there as it is", () => {
  writeFileSync(to, "");
  expect(() => backUp(file, to)).toThrow("is there already, and a backup never overwrites");
  expect(readFileSync(to, "utf8")).toBe("");
});

it("leaves nothing behind when it fails", async () => {
  const before = readdirSync(folder);
  expect(() => backUp(join(folder, "none.sqlite"), to)).toThrow("There is no database");
  expect(() => backUp(file, join(folder, "missing", "backup.sqlite"))).toThrow("cannot be made (ENOENT)");
  const other = join(folder, "letter.txt");
  writeFileSync(other, "This is a letter, not a database. ".repeat(100));
  expect(() => backUp(other, to)).toThrow("file is not a database");
  expect(existsSync(to)).toBe(false);
  expect(readdirSync(folder).sort()).toEqual([...before, "letter.txt"].sort());
});

it("begins anew where one was killed", async () => {
  await notes.add("kept");
  writeFileSync(`${to}.partial`, "half");
  backUp(file, to);
  expect(existsSync(`${to}.partial`)).toBe(false);
  expect(await textsOf(to)).toEqual(["kept"]);
});
