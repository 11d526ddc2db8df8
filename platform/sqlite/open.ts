/** Opens the database: takes the lock that keeps a second process out, starts the writer thread, hands out calls and readers. */
import { DatabaseSync } from "node:sqlite";
import { type Transferable, Worker } from "node:worker_threads";
import type { CallOptions, Calls, Database, Procedures } from "./sqlite.ts";
import { statementsOf } from "./statements.ts";
import type { FromWriter, ToWriter } from "./writer.ts";

export class DatabaseInUse extends Error {}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export async function openDatabase({ file }: { file: string }): Promise<Database> {
  const lock = takeLock(`${file}.lock`);
  const worker = new Worker(new URL("./writer.ts", import.meta.url), { workerData: { file } });
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let dead: Error | undefined;
  const fail = (error: Error) => {
    dead = error;
    for (const each of waiting.values()) each.reject(error);
    waiting.clear();
  };
  worker.on("message", (answers: FromWriter) => {
    for (const { id, value, error } of answers) {
      const each = waiting.get(id);
      waiting.delete(id);
      if (error) each?.reject(Object.assign(new Error(error.message), error));
      else each?.resolve(value);
    }
  });
  worker.on("error", fail);
  worker.on("exit", () => fail(new Error("The database's writer thread has ended.")));

  // Calls made in one turn of the event loop travel in one message.
  let outbox: ToWriter[] = [];
  let transfers: ArrayBuffer[] = [];
  const post = () => {
    worker.postMessage(outbox, transfers as Transferable[]);
    outbox = [];
    transfers = [];
  };
  const ask = (message: { [M in ToWriter as M["is"]]: Omit<M, "id"> }[ToWriter["is"]], transfer: readonly ArrayBuffer[] = []) =>
    new Promise<unknown>((resolve, reject) => {
      if (dead) return reject(dead);
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      if (outbox.length === 0) queueMicrotask(post);
      outbox.push({ ...message, id } as ToWriter);
      transfers.push(...transfer);
    });

  const readers: DatabaseSync[] = [];
  return {
    async procedures<P extends Procedures>(module: URL): Promise<Calls<P>> {
      await ask({ is: "load", module: module.href, sql: module.href.replace(/\.procedures\.ts$/, ".sql") });
      return new Proxy({} as Calls<P>, {
        get: (_target, name) =>
          typeof name !== "string" || name === "then"
            ? undefined
            : (args: unknown, { durable = false, transfer }: CallOptions = {}) =>
                ask({ is: "call", module: module.href, name, args, durable }, transfer),
      });
    },
    reads(sqlFile) {
      const reader = readers[0] ?? new DatabaseSync(file, { readOnly: true });
      if (readers.length === 0) readers.push(reader);
      return statementsOf(reader, sqlFile);
    },
    async close() {
      for (const reader of readers) reader.close();
      await ask({ is: "close" });
      await worker.terminate();
      lock.close();
    },
  };
}

/** An exclusive lock that the kernel frees when the process ends, however it ends. */
function takeLock(file: string): DatabaseSync {
  const lock = new DatabaseSync(file);
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    lock.close();
    throw new DatabaseInUse(`Another process uses ${file.replace(/\.lock$/, "")}. Stop it, or start this one with another CARILLON_DATA_DIR.`, { cause });
  }
}
