/**
 * A copy of a database that may be in use, by another process too: as it stands at one moment, with everything that was committed before.
 *
 * VACUUM INTO reads in one transaction beside whatever is written meanwhile (SQLite's backup API would begin anew with each write of
 * another process). The copy gets its name once it is whole and on the disk: a file under that name is a backup, or an empty one.
 */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { variableOf } from "#platform/config/config.ts";
import { DatabaseError } from "#platform/sql/errors.ts";

const OWNER_ONLY = 0o600;
const PATIENCE_MS = 5_000;

/** Answers the size of the copy in bytes. Throws DatabaseError; a file that is there already is never touched. */
export function backUp(file: string, to: string): number {
  if (!existsSync(file)) throw new DatabaseError(`There is no database ${file} to back up; ${variableOf("data-dir")} names where it is.`);
  reserve(to);
  const partial = `${to}.partial`;
  try {
    // Of one that was killed: whoever has the name has this one too.
    rmSync(partial, { force: true });
    reserve(partial);
    copy(file, partial);
    sync(partial);
    renameSync(partial, to);
    sync(dirname(to));
    return statSync(to).size;
  } catch (cause) {
    rmSync(partial, { force: true });
    rmSync(to, { force: true });
    throw cause instanceof DatabaseError ? cause : new DatabaseError(`The backup failed: ${(cause as Error).message}.`, { cause });
  }
}

function copy(file: string, to: string): void {
  const source = new DatabaseSync(file, { readOnly: true });
  try {
    source.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}`);
    source.prepare("VACUUM INTO ?").run(to);
  } finally {
    source.close();
  }
  const made = new DatabaseSync(to, { readOnly: true });
  try {
    const found = made.prepare("PRAGMA quick_check(1)").get();
    if (found?.quick_check !== "ok") throw new DatabaseError(`The database ${file} is damaged: ${found?.quick_check}.`);
  } finally {
    made.close();
  }
}

/** Makes an empty file, which VACUUM INTO takes for none: so nobody else can have the name, nor read what comes into it. */
function reserve(file: string): void {
  try {
    closeSync(openSync(file, "wx", OWNER_ONLY));
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    const why = code === "EEXIST" ? "is there already, and a backup never overwrites" : `cannot be made (${code})`;
    throw new DatabaseError(`${file} ${why}. Name another file.`, { cause });
  }
}

function sync(path: string): void {
  const opened = openSync(path, "r");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
