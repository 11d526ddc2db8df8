/** Opens the database of sqlite.ts: locks the file, starts the writer thread, and reads through a connection of its own. */
import { DatabaseSync } from "node:sqlite";
import type { Registry } from "prom-client";
import { type Clock, systemClock } from "#platform/clock.ts";
import { lockDatabase } from "./lock.ts";
import { databaseMetrics } from "./metrics.ts";
import { ownerOnly } from "./owner-only.ts";
import type { CallOptions, Calls, Database, Procedures } from "./sqlite.ts";
import { prepareStatements } from "./statements.ts";
import { WriterThread } from "./thread.ts";

export interface DatabaseNeeds {
  readonly file: string;
  /** The writer thread has ended by itself: nothing can be written any more. Default: throw, which ends the process. */
  readonly onFatal?: (error: Error) => void;
  /** Default: nobody is told. */
  readonly metrics?: Registry;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** How long a write that was refused speaks for those to come; longer than stages pause before they settle again. */
const UNWRITABLE_FOR_MS = 30_000;

const endProcess = (error: Error): void => {
  queueMicrotask(() => {
    throw error;
  });
};

/** Rejects when another process has the file open, and when the file is none of ours. */
export async function openDatabase({ file, onFatal = endProcess, metrics, clock = systemClock }: DatabaseNeeds): Promise<Database> {
  ownerOnly(file);
  const lock = lockDatabase(file);
  let refused: { readonly atMs: number; readonly code: string | undefined } | undefined;
  const thread = await WriterThread.start(file, {
    ended: onFatal,
    unwritable: ({ code }) => {
      refused = { atMs: clock.nowMs(), code };
    },
    committed: metrics ? databaseMetrics(metrics, file) : () => {},
  }).catch((error: unknown) => {
    lock.release();
    throw error;
  });
  const reader = new DatabaseSync(file, { readOnly: true });
  reader.exec("PRAGMA busy_timeout = 5000; PRAGMA cache_size = -16000");

  const close = async (): Promise<void> => {
    await thread.finish();
    // Before the writer's last checkpoint, which a reader could keep from emptying the WAL.
    reader.close();
    await thread.close();
    lock.release();
  };
  let closing: Promise<void> | undefined;

  return {
    async procedures<P extends Procedures>(module: URL): Promise<Calls<P>> {
      const { href } = module;
      await thread.ask({ is: "load", module: href, sql: href.replace(/\.\w+\.ts$/, ".sql") });
      const { default: procedures } = (await import(href)) as { default: P };
      const call =
        (name: string) =>
        (args: unknown, { durable = false, transfer }: CallOptions = {}) =>
          thread.ask({ is: "call", module: href, name, args, durable }, transfer);
      return Object.fromEntries(Object.keys(procedures).map((name) => [name, call(name)])) as Calls<P>;
    },
    reads: (sqlFile) => prepareStatements(reader, sqlFile),
    health() {
      if (refused === undefined || clock.nowMs() - refused.atMs >= UNWRITABLE_FOR_MS) return { ok: true };
      return { ok: false, why: `the database took no write ${Math.round((clock.nowMs() - refused.atMs) / 1_000)} s ago: ${refused.code}` };
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}
