/** What a database refused: its message is a sentence for whoever runs the program, and holds no person's data. */
export class DatabaseError extends Error {
  /** "SQLITE_FULL", "ER_DUP_ENTRY", …; what a procedure threw keeps the code it had. */
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
