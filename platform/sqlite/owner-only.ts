/**
 * Makes a database's files their owner's alone, whatever the umask and the directory: they hold people's data, and whoever may read one can
 * lock it too.
 *
 * SQLite gives the WAL and the shared memory the mode of the database itself, so that one is made here, empty, before SQLite opens it.
 */
import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseError } from "#platform/sql/errors.ts";

const OWNER_ONLY = 0o600;

/** Throws DatabaseError where the file can be neither opened nor made. */
export function ownerOnly(file: string): void {
  for (const each of [file, `${file}.lock`]) {
    try {
      closeSync(openSync(each, "a", OWNER_ONLY));
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new DatabaseError(`The database ${file} could not be opened: ${each} cannot be written (${code}).`, { code, cause });
    }
  }
  for (const suffix of ["", "-wal", "-shm", ".lock"]) narrow(`${file}${suffix}`);
}

/** What belongs to another user has the mode that they chose, and not every file system has modes. */
function narrow(file: string): void {
  try {
    chmodSync(file, OWNER_ONLY);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["ENOENT", "EPERM", "ENOTSUP"].includes(code)) throw error;
  }
}
