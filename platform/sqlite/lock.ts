/**
 * Keeps a second process away from the database file.
 *
 * The lock is an open exclusive transaction on a second, empty SQLite file. The kernel frees it when the process ends, however it ends.
 */
import { DatabaseSync } from "node:sqlite";
import { variableOf } from "#platform/config/config.ts";
import { DatabaseError } from "#platform/sql/errors.ts";
import { describeError } from "./errors.ts";

export interface Lock {
  release(): void;
}

export function lockDatabase(file: string): Lock {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(`${file}.lock`);
    lock.exec("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (cause) {
    lock?.close();
    const { code, errcode, message } = describeError(cause);
    const says =
      code === "SQLITE_BUSY"
        ? `The database ${file} is in use by another process. Stop that one, or give this one a data directory of its own: ${variableOf("data-dir")}.`
        : `The database ${file} could not be locked: ${message}.`;
    throw new DatabaseError(says, { code, errcode, cause });
  }
  return { release: () => lock.close() };
}
