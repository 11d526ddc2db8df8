/**
 * The embedded form's database: one SQLite file in WAL mode, owned by one writer thread; readers look on from where they are.
 *
 * A store has three files: `x.sql` (named statements), `x.procedures.ts` (what runs in the writer thread) and `x.sqlite.ts` (the adapter).
 * Named statements stand under `-- name: word` lines; `-- name: schema-1`, `schema-2`, … are migrations, each run once, in order.
 */
import type { SQLInputValue, SQLOutputValue } from "node:sqlite";

export type Row = Record<string, SQLOutputValue>;

/** The named statements of one .sql file, prepared once. */
export interface Sql {
  get(name: string, ...params: SQLInputValue[]): Row | undefined;
  all(name: string, ...params: SQLInputValue[]): Row[];
  run(name: string, ...params: SQLInputValue[]): { changes: number };
}

/**
 * The default export of an `x.procedures.ts`. A procedure is synchronous, runs inside a transaction, and may be undone alone: what it
 * throws undoes its own work and rejects its own call, not its neighbours'. Arguments and results are structured-cloned.
 */
// biome-ignore lint/suspicious/noExplicitAny: the arguments are each procedure's own
export type Procedures = Record<string, (sql: Sql, args: any) => unknown>;

export interface CallOptions {
  /** Wait for fsync. Default false: committed (a crash of the process keeps it, a power loss may not), whole or not at all. */
  readonly durable?: boolean;
  /** Buffers handed over, not copied. */
  readonly transfer?: readonly ArrayBuffer[];
}

export type Calls<P extends Procedures> = {
  [N in keyof P]: (args: Parameters<P[N]>[1], options?: CallOptions) => Promise<ReturnType<P[N]>>;
};

export interface Database {
  /**
   * Loads a procedures module (its default export) with the .sql file of the same name into the writer thread and runs its migrations.
   * Calls run in the order made, many in one transaction (group commit), and resolve after the commit.
   */
  procedures<P extends Procedures>(module: URL): Promise<Calls<P>>;
  /** Read-only statements on this thread. They see everything whose call has resolved. */
  reads(sqlFile: URL): Sql;
  /**
   * Not ok for half a minute after the file, or its disk, last refused a write. Then somebody has to try: a disk that has room again is not
   * to be told from here, and a process that is sent no work would never find out.
   */
  health(): { ok: true } | { ok: false; why: string };
  close(): Promise<void>;
}
