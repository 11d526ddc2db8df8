/**
 * Group commit: many calls in one transaction, each of them undone alone when it throws.
 *
 * A transaction that holds a durable call is committed with synchronous=FULL, which in WAL mode syncs the WAL before the commit returns,
 * and with it everything committed earlier (https://sqlite.org/pragma.html#pragma_synchronous). Others are committed without a sync.
 */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { describeError } from "./errors.ts";
import type { Answer, Call } from "./messages.ts";

/** In pages of 4 KiB: 32 MiB between checkpoints. With fewer, pages that are written again and again are copied as often. */
const CHECKPOINT_PAGES = 8_000;
/** Checkpoints cannot begin the WAL anew while somebody reads; beyond this size they wait for the readers. */
const MAX_WAL_BYTES = 64 * 1024 * 1024;
const LOOK_AT_WAL_EVERY = 64;
/** For a tool that writes to the file meanwhile; no other process of ours does. */
const PATIENCE_MS = 5_000;

export type Run = (call: Call) => unknown;

export class Transactions {
  readonly #database: DatabaseSync;
  readonly #wal: string;
  #synchronous = "";
  #count = 0;

  constructor(database: DatabaseSync, file: string) {
    this.#database = database;
    this.#wal = `${file}-wal`;
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA journal_size_limit = ${MAX_WAL_BYTES}; ` +
        `PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA busy_timeout = ${PATIENCE_MS}`,
    );
    this.#sync("FULL");
  }

  /** Runs the calls in their order and answers once what they did is committed. */
  commit(calls: readonly Call[], run: Run): Answer[] {
    const database = this.#database;
    try {
      this.#sync(calls.some((call) => call.durable) ? "FULL" : "NORMAL");
      database.exec("BEGIN IMMEDIATE");
      // Alone in its transaction a call needs no savepoint: the transaction is undone.
      const answers = calls.length === 1 ? [this.#alone(calls[0] as Call, run)] : calls.map((call) => this.#beside(call, run));
      if (database.isTransaction) database.exec("COMMIT");
      return answers;
    } catch (cause) {
      if (database.isTransaction) database.exec("ROLLBACK");
      const error = describeError(cause);
      return calls.map(({ id }) => ({ id, error }));
    }
  }

  /** Keeps the WAL from growing without bound under readers that never pause. Call it after the answers are on their way. */
  tend(): void {
    if (++this.#count % LOOK_AT_WAL_EVERY !== 0 || this.#walBytes() <= MAX_WAL_BYTES) return;
    // Not the usual patience: a reader that stays would hold up every writer.
    this.#database.exec("PRAGMA busy_timeout = 100");
    this.#truncate();
    this.#database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}`);
  }

  close(): void {
    this.#truncate();
    this.#database.close();
  }

  #walBytes(): number {
    return statSync(this.#wal, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** A full disk, say, refuses it: everything stays in the WAL, where it is safe, and it is tried again later. */
  #truncate(): void {
    try {
      this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // Whoever writes hears of the disk.
    }
  }

  #alone(call: Call, run: Run): Answer {
    try {
      return { id: call.id, value: run(call) };
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      return { id: call.id, error: describeError(error) };
    }
  }

  #beside(call: Call, run: Run): Answer {
    this.#database.exec("SAVEPOINT one_call");
    try {
      const value = run(call);
      this.#database.exec("RELEASE one_call");
      return { id: call.id, value };
    } catch (error) {
      // A full disk, say, may have undone the whole transaction already: then every call of it has failed.
      if (!this.#database.isTransaction) throw error;
      this.#database.exec("ROLLBACK TO one_call; RELEASE one_call");
      return { id: call.id, error: describeError(error) };
    }
  }

  #sync(wanted: "FULL" | "NORMAL"): void {
    if (wanted === this.#synchronous) return;
    this.#database.exec(`PRAGMA synchronous = ${wanted}`);
    this.#synchronous = wanted;
  }
}
