/**
 * MySQL and MariaDB, for the stores of the mesh form: a bounded pool of connections, prepared statements, transactions that are repeated
 * where the server undid them.
 *
 * A store has two files: `x.mysql.sql` (named statements, and migrations as `schema-1`, `schema-2`, …) and `x.mysql.ts` (the adapter). The
 * SQL keeps to what MySQL 8 and MariaDB share. Text that is compared is VARBINARY: the server's collations fold, pad or cut what an id may
 * hold, and the two servers have none in common that does not. It is answered as a string; a BLOB is answered as bytes.
 *
 * `?...` in a statement takes a list, `(?, ?)...` takes rows; at most one of them stands in a statement.
 */
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Clock } from "#platform/clock.ts";

export interface MysqlOptions {
  /** `mysql://user:password@host:3306/database`; parts with special characters percent-encoded. */
  readonly url: string;
  /** Over TLS, and only with a certificate that Node trusts and that is valid for the host. Default: false. */
  readonly tls?: boolean;
  /** Connections at most. Default 10. */
  readonly connections?: number;
  /** For a connection to stand. Default 3000. */
  readonly connectTimeoutMs?: number;
  /** For one statement, and for a connection to be free for it. Default 10000. */
  readonly statementTimeoutMs?: number;
}

export interface MysqlNeeds extends MysqlOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: nobody is told. */
  readonly metrics?: Registry;
  /** Ends the waiting for a server that is not there. */
  readonly signal?: AbortSignal;
}

export type Param = string | number | Uint8Array | null;
/** A list, or rows. */
export type Params = readonly (Param | readonly Param[] | readonly (readonly Param[])[])[];

export type MysqlRow = Record<string, string | number | Uint8Array | null>;

/** The named statements of one .sql file. */
export interface MysqlSql {
  /** Of a list longer than a statement takes, several statements' rows one after the other. */
  all(name: string, ...params: Params): Promise<MysqlRow[]>;
  get(name: string, ...params: Params): Promise<MysqlRow | undefined>;
  /** Rows that were found, whether or not they were different before. An empty list is none. */
  run(name: string, ...params: Params): Promise<{ readonly changes: number }>;
}

export interface Tables extends MysqlSql {
  /**
   * All of the work or none, READ COMMITTED. The work is done anew, a few times at most, where the server undid it for a deadlock, so it
   * has no effects but these. A connection lost while it commits is STORE_UNAVAILABLE, and whether it was done is not known.
   */
  transaction<T>(work: (sql: MysqlSql) => Promise<T>): Promise<T>;
}

export type Health = { readonly ok: true } | { readonly ok: false; readonly why: string };

/**
 * Whatever the server does not answer, or cannot do now, is Problem STORE_UNAVAILABLE; what it refuses is a DatabaseError with the server's
 * code, without the values.
 */
export interface Mysql {
  /** Runs the migrations that this database has not seen. Rejects with a sentence where that cannot be. */
  tables(sqlFile: URL): Promise<Tables>;
  /** As of a few seconds ago. */
  health(): Health;
  close(): Promise<void>;
}
