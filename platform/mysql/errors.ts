/**
 * What goes wrong on the way to the server and in it, as callers see it: STORE_UNAVAILABLE where the server cannot do it now, else a
 * DatabaseError that says which statement it was and names the server's code. The server's own words quote values, so they are left out.
 */
import { Problem } from "#domain/errors.ts";
import { DatabaseError } from "#platform/sql/errors.ts";

const RETRY_AFTER_MS = 1_000;

/** How often a transaction is begun where the server undid it for the sake of another one. */
const TRIES: Readonly<Record<string, number>> = { ER_LOCK_DEADLOCK: 5, ER_LOCK_WAIT_TIMEOUT: 2 };

/** After these the server is not the one to speak to: it is going, or it has become a replica. */
const leaving = [
  ...["ER_SERVER_SHUTDOWN", "ER_CLIENT_INTERACTION_TIMEOUT", "ER_MAX_PREPARED_STMT_COUNT_REACHED"],
  ...["ER_OPTION_PREVENTS_STATEMENT", "ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION", "ER_READ_ONLY_MODE"],
];
/** Errors of the server that say "not now". */
const notNow = [
  ...[...Object.keys(TRIES), ...leaving, "ER_CON_COUNT_ERROR", "ER_TOO_MANY_USER_CONNECTIONS", "ER_USER_LIMIT_REACHED"],
  ...["ER_OUT_OF_RESOURCES", "ER_OUTOFMEMORY", "ER_QUERY_INTERRUPTED", "ER_QUERY_TIMEOUT"],
  ...["ER_DISK_FULL", "ER_RECORD_FILE_FULL", "ER_LOCK_TABLE_FULL"],
];
/** The same of MariaDB, whose own errors mysql2 has no names for: the connection was killed; the statement took too long. */
const KILLED = 1927;
const STATEMENT_TIMEOUT = 1969;

/** What mysql2 and Node's sockets tell of an error. */
interface Told {
  readonly code?: string;
  readonly errno?: number;
  /** The connection cannot go on. */
  readonly fatal?: boolean;
}

/** The server's name for it, or Node's. */
export function codeOf(error: unknown): string {
  if (error instanceof Problem) return error.reason;
  return (error as Told).code ?? (error as Error).name;
}

/** Nothing more should be asked of a connection that has failed so. What is no error of the server is a fault of ours half way. */
export function isBroken(error: unknown): boolean {
  const { fatal, errno } = error as Told;
  return fatal === true || errno === undefined || errno === KILLED || leaving.includes(codeOf(error));
}

/** There is a row with that key already. */
export const isDuplicate = (error: unknown): boolean => codeOf(error) === "ER_DUP_ENTRY";

/** How many times in all what failed so may be tried: the server has undone it. */
export const triesOf = (error: unknown): number => TRIES[codeOf(error)] ?? 1;

/** What came of asking the server; anything else is a fault of ours, or told already. */
export function isOfServer(error: unknown): boolean {
  const { errno = 0, fatal } = error as Told;
  return fatal === true || errno > 0;
}

/** Whether it may work later: the server did not answer, or cannot do it now. */
export function isUnavailable(error: unknown): boolean {
  const { errno, fatal } = error as Told;
  return fatal === true || errno === KILLED || errno === STATEMENT_TIMEOUT || notNow.includes(codeOf(error));
}

/** `what` names the statement, never its values. What is not of the server stays what it is. */
export function toldAs(error: unknown, what: string): unknown {
  if (!isOfServer(error)) return error;
  const { errno = 0 } = error as Told;
  const code = codeOf(error);
  const cause = new DatabaseError(`${what} failed: ${code}${errno > 0 ? ` (${errno})` : ""}.`, { code });
  return isUnavailable(error) ? unavailable(cause) : cause;
}

export const unavailable = (cause: Error): Problem => new Problem("STORE_UNAVAILABLE", { cause, retryAfterMs: RETRY_AFTER_MS });
