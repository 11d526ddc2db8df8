import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { deadEvents, raw } from "#domain/topics.ts";
import { systemClock } from "#platform/clock.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { sqliteLog } from "./log.sqlite.ts";
import type { EventLog, LogRecord, Output } from "./log.ts";
import { TestMember } from "./member.fixture.ts";

let folder: string;
let file: string;
let database: Database;
let log: EventLog;

const open = async () => {
  database = await openDatabase({ file });
  log = await sqliteLog({ database, topics: [raw, deadEvents], clock: systemClock });
};
const close = async () => {
  await log.close();
  await database.close();
};
const output = (key: string, value: string | Uint8Array): Output => ({ topic: raw, key, value: Buffer.from(value) });
const everything = async (): Promise<LogRecord[]> => {
  const partitions = await Promise.all(Array.from({ length: raw.partitions }, (_, partition) => log.read(raw, partition, 0, 1_000_000)));
  return partitions.flat();
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-log-"));
  file = join(folder, "log.sqlite");
  await open();
});
afterEach(async () => {
  await close();
  rmSync(folder, { recursive: true });
});

test("a process that is killed in the middle of appends has kept every record it acknowledged, once, in order", {
  timeout: 60_000,
}, async () => {
  await close();
  const acknowledged = new Set<number>();
  for (let round = 0; round < 3; round++) {
    const script = fileURLToPath(new URL("./append.fixture.ts", import.meta.url));
    const child = spawn(process.execPath, ["--no-warnings", script, file, String(round * 1_000_000)]);
    let said = "";
    child.stdout.on("data", (data: Buffer) => {
      said += data.toString();
    });
    await vi.waitFor(() => expect(said.length).toBeGreaterThan(5_000), 20_000);
    child.kill("SIGKILL");
    await once(child, "close");
    // A line that was cut off in the middle is no acknowledgement.
    for (const line of said.split("\n").slice(0, -1)) acknowledged.add(Number(line));
  }
  await open();
  const found = await everything();
  const numbers = found.map((record) => Number(Buffer.from(record.value).toString()));
  expect(new Set(numbers).size).toBe(numbers.length);
  const kept = new Set(numbers);
  expect([...acknowledged].filter((number) => !kept.has(number))).toEqual([]);
  for (let partition = 0; partition < raw.partitions; partition++) {
    const records = found.filter((record) => record.partition === partition);
    expect(records.map((record) => record.offset)).toEqual(records.map((_, i) => i));
  }
});

test("an append that a full disk refuses rejects, and nothing of it is delivered, now or later", async () => {
  const member = await TestMember.join(log, "group", [raw], { settles: true });
  await log.append([output("key", "before")]);
  await vi.waitFor(() => expect(member.records).toHaveLength(1));

  // What the disk would do, by SQLite's own limit; procedures of another store share the writer's connection.
  const disk = await database.procedures<typeof import("#platform/sqlite/notes.fixture.ts").default>(
    new URL("../sqlite/notes.fixture.ts", import.meta.url),
  );
  await disk.capAt300Pages(undefined);
  const tooMuch = log.append([output("key", "refused"), output("key", new Uint8Array(3_000_000))]);
  await expect(tooMuch).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE", cause: { code: "SQLITE_FULL" } });
  await disk.uncap(undefined);

  await log.append([output("key", "after")]);
  await vi.waitFor(() => expect(member.records).toHaveLength(2));
  expect(member.records.map((record) => Buffer.from(record.value).toString())).toEqual(["before", "after"]);
  expect((await everything()).map((record) => record.offset)).toEqual([0, 1]);
  await vi.waitFor(async () => expect(await log.lag("group", [raw])).toBe(0));
});

test("a topic whose number of partitions has changed is refused with a sentence", async () => {
  const grown = { ...raw, partitions: raw.partitions + 1 };
  await expect(sqliteLog({ database, topics: [grown], clock: systemClock })).rejects.toThrow("The number never changes");
});

test("records written together are stored together, not a row each", async () => {
  await log.append(Array.from({ length: 1_000 }, () => output("key", "x")));
  const look = new DatabaseSync(file, { readOnly: true });
  expect(look.prepare("SELECT count(*) AS chunks, sum(count) AS records FROM log_chunks").get()).toEqual({ chunks: 2, records: 1_000 });
  look.close();
});
