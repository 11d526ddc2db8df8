/** Errors of the database as callers see them: SQLite's by their code, so that a full disk can be told from a broken rule. */

/** The primary result codes that a caller may want to tell apart; https://sqlite.org/rescode.html */
const CODES: Readonly<Record<number, string>> = {
  5: "SQLITE_BUSY",
  6: "SQLITE_LOCKED",
  8: "SQLITE_READONLY",
  10: "SQLITE_IOERR",
  11: "SQLITE_CORRUPT",
  13: "SQLITE_FULL",
  14: "SQLITE_CANTOPEN",
  19: "SQLITE_CONSTRAINT",
  26: "SQLITE_NOTADB",
};

/** Of these it is the file that takes no writes, or its disk, whatever is to be written. */
const UNWRITABLE: ReadonlySet<string | undefined> = new Set(["SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CORRUPT"]);

export const isUnwritable = ({ code, errcode }: DescribedError): boolean => errcode !== undefined && UNWRITABLE.has(code);

export class DatabaseError extends Error {
  /** "SQLITE_FULL", "SQLITE_IOERR", …; what a procedure threw keeps the code it had. */
  readonly code: string | undefined;
  /** SQLite's extended result code. */
  readonly errcode: number | undefined;

  constructor(message: string, more: { code?: string | undefined; errcode?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.name = "DatabaseError";
    this.code = more.code;
    this.errcode = more.errcode;
  }
}

/** An error as plain data, to cross a thread. */
export interface DescribedError {
  readonly message: string;
  readonly code: string | undefined;
  readonly errcode: number | undefined;
}

export function describeError(error: unknown): DescribedError {
  const { message, code, errcode } = error as { message?: string; code?: string; errcode?: number };
  return { message: message ?? String(error), code: errcode === undefined ? code : (CODES[errcode & 0xff] ?? "SQLITE_ERROR"), errcode };
}

export const restoreError = ({ message, code, errcode }: DescribedError): DatabaseError => new DatabaseError(message, { code, errcode });
