/** What migrations are in either database: the statements `schema-1`, `schema-2`, … of a store's .sql file, each run once, in order. */
import { DatabaseError } from "./errors.ts";
import { readStatements } from "./statements.ts";

const SCHEMA = /^schema-(\d+)$/;

/** The migrations of a file, which must be numbered 1, 2, 3, … */
export function migrationsOf(file: URL): string[] {
  const migrations: string[] = [];
  for (const [name, text] of readStatements(file)) {
    const number = SCHEMA.exec(name)?.[1];
    if (number === undefined) continue;
    migrations.push(text);
    if (Number(number) !== migrations.length)
      throw new Error(`${file.pathname}: "${name}" stands where "schema-${migrations.length}" belongs.`);
  }
  return migrations;
}

/** The folder and the file: the same wherever the program is installed. */
export const storeOf = (file: URL): string => file.pathname.split("/").slice(-2).join("/");

/** Throws for a database that has seen migrations which this program does not know. */
export function refuseNewer(store: string, version: number, known: number): void {
  if (version <= known) return;
  throw new DatabaseError(
    `The database was written by a newer version of this program (${store} is at ${version}, this one knows ${known}). ` +
      "Start the newer version, or restore a backup.",
  );
}
