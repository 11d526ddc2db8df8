/**
 * The writer thread: owns the connection that writes. Takes every call that waits, runs them in one transaction, and answers after the
 * commit. A group that holds a durable call is fsynced; a group without one is not, and a later durable group carries it to the disk.
 */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { Procedures, Sql } from "./sqlite.ts";
import { migrate, statementsOf } from "./statements.ts";

export type ToWriter =
  | { readonly is: "load"; readonly id: number; readonly module: string; readonly sql: string }
  | { readonly is: "call"; readonly id: number; readonly module: string; readonly name: string; readonly args: unknown; readonly durable: boolean }
  | { readonly is: "close"; readonly id: number };

export type FromWriter = readonly { readonly id: number; readonly value?: unknown; readonly error?: { message: string; code?: string; errcode?: number } }[];

const port = parentPort as NonNullable<typeof parentPort>;
const database = new DatabaseSync((workerData as { file: string }).file);
database.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY");

const modules = new Map<string, { procedures: Procedures; sql: Sql }>();
const begin = database.prepare("BEGIN IMMEDIATE");
const commit = database.prepare("COMMIT");
const rollback = database.prepare("ROLLBACK");
const savepoint = database.prepare("SAVEPOINT one");
const release = database.prepare("RELEASE one");
const undo = database.prepare("ROLLBACK TO one");
let synchronous = "";

const described = (error: unknown) => {
  const { message, code, errcode } = error as Error & { code?: string; errcode?: number };
  return { message, ...(code !== undefined && { code }), ...(errcode !== undefined && { errcode }) };
};

function runGroup(calls: readonly Extract<ToWriter, { is: "call" }>[]): void {
  const wanted = calls.some((call) => call.durable) ? "FULL" : "NORMAL";
  if (wanted !== synchronous) database.exec(`PRAGMA synchronous = ${wanted}`);
  synchronous = wanted;
  const answers: { id: number; value?: unknown; error?: ReturnType<typeof described> }[] = [];
  try {
    begin.run();
    for (const call of calls) answers.push(runOne(call));
    commit.run();
  } catch (error) {
    if (database.isTransaction) rollback.run();
    port.postMessage(calls.map(({ id }) => ({ id, error: described(error) })));
    return;
  }
  port.postMessage(answers);
}

function runOne({ id, module, name, args }: Extract<ToWriter, { is: "call" }>) {
  const loaded = modules.get(module) as { procedures: Procedures; sql: Sql };
  savepoint.run();
  try {
    const value = (loaded.procedures[name] as Procedures[string])(loaded.sql, args);
    release.run();
    return { id, value };
  } catch (error) {
    // A full disk may have undone the whole transaction already: then the group is lost, not only this call.
    if (!database.isTransaction) throw error;
    undo.run();
    release.run();
    return { id, error: described(error) };
  }
}

async function load({ id, module, sql }: Extract<ToWriter, { is: "load" }>): Promise<void> {
  try {
    migrate(database, new URL(sql));
    const { default: procedures } = (await import(module)) as { default: Procedures };
    modules.set(module, { procedures, sql: statementsOf(database, new URL(sql)) });
    port.postMessage([{ id }]);
  } catch (error) {
    port.postMessage([{ id, error: described(error) }]);
  }
}

const waiting: Extract<ToWriter, { is: "call" }>[] = [];
port.on("message", (batch: readonly ToWriter[]) => {
  for (const message of batch) {
    if (message.is === "call") waiting.push(message);
    else if (message.is === "load") void load(message);
    else setImmediate(close, message.id);
  }
  if (waiting.length === 0 || scheduled) return;
  scheduled = true;
  setImmediate(flush);
});

let scheduled = false;
function flush(): void {
  scheduled = false;
  if (waiting.length > 0) runGroup(waiting.splice(0));
}

function close(id: number): void {
  flush();
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  port.postMessage([{ id }]);
  port.close();
}
