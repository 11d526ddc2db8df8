/**
 * A secret of this installation: made at the first start, kept beside the data, readable by the owner only.
 *
 * It gets its name once it is whole and on the disk, and never takes the name from another: a start that loses its power, or finds the disk
 * full, leaves none rather than a half.
 */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { ConfigProblem } from "#platform/config/config.ts";

/** 32 random bytes, as they are or written in hexadecimal. Throws ConfigProblem where it can be neither read nor made, or is not whole. */
export function secretOf(file: string, written: "plain" | "hex" = "plain"): Uint8Array {
  const random = randomBytes(32);
  const fresh = written === "hex" ? Buffer.from(random.toString("hex")) : random;
  const secret = readOrMake(file, fresh);
  if (secret.length === fresh.length) return secret;
  throw new ConfigProblem([
    `The secret ${file} has ${secret.length} bytes instead of ${fresh.length}, so it is damaged. Remove the file and start again: another one is made, ` +
      "browsers ask for new tokens, and operators sign in again.",
  ]);
}

function readOrMake(file: string, fresh: Uint8Array): Uint8Array {
  try {
    if (!existsSync(file)) make(file, fresh);
    return readFileSync(file);
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw new ConfigProblem([`The secret ${file} can be neither read nor made (${code}): it must be this user's, on a disk with room.`]);
  }
}

function make(file: string, fresh: Uint8Array): void {
  const partial = `${file}.${randomBytes(8).toString("hex")}.partial`;
  try {
    write(partial, fresh);
    linkSync(partial, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(partial, { force: true });
  }
  sync(dirname(file));
}

function write(file: string, fresh: Uint8Array): void {
  const opened = openSync(file, "wx", 0o600);
  try {
    writeSync(opened, fresh);
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

function sync(directory: string): void {
  const opened = openSync(directory, "r");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
