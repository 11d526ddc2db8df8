/** The data directory, made where it is missing; or a sentence that says why it cannot be one. */
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigProblem, variableOf } from "#platform/config/config.ts";

/** Unless CARILLON_DATA_DIR says another. */
export const DATA_DIR = ".carillon";

const reasons: Readonly<Record<string, string>> = {
  EACCES: "this user may not write there",
  EPERM: "this user may not write there",
  EROFS: "it is on a file system that is read-only",
  ENOSPC: "the disk is full",
  ENOENT: "nothing can be made there",
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its links go round in a circle",
};

export function makeDataDir(path: string): void {
  const asked = resolve(path);
  const unusable = (why: string) =>
    new ConfigProblem([
      `${variableOf("data-dir")} is ${JSON.stringify(path)}, which cannot be used: ${why}. Name a directory that this user may write to.`,
    ]);
  try {
    const missing = missingLevels(asked);
    const [top = asked] = missing;
    const there = missing.length > 0 ? dirname(top) : asked;
    if (!statSync(there).isDirectory()) throw unusable(`${there} is a file`);
    accessSync(there, constants.W_OK | constants.X_OK);
    for (const level of missing) makeOne(level);
  } catch (error) {
    if (error instanceof ConfigProblem) throw error;
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw unusable(reasons[code] ?? code);
  }
}

/** The directories to make, the highest first. */
function missingLevels(path: string): string[] {
  const missing: string[] = [];
  for (let each = path; !isThere(each); each = dirname(each)) missing.unshift(each);
  return missing;
}

/** Below a file nothing is there, and asking says so with an error of its own. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return false;
    throw error;
  }
}

/** One level at a time: Node's recursive mkdir never comes back where a directory is there and takes no other, as /proc. */
function makeOne(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
