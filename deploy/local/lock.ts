/** A lock that one process holds, and that is free again when it ends, however it ends. */
import { DatabaseError } from "#platform/sql/errors.ts";
import { type Lock, lockDatabase } from "#platform/sqlite/lock.ts";

/** `FILE.lock`, or nothing when another holds it. */
export function tryLock(file: string): Lock | undefined {
  try {
    return lockDatabase(file);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "SQLITE_BUSY") return undefined;
    throw error;
  }
}
