/** Brings a database up to the schema of a .sql file: `schema-1`, `schema-2`, …, each run once, in order, all of them or none. */
import type { DatabaseSync } from "node:sqlite";
import { prepareStatements, readStatements } from "./statements.ts";

const OWN = new URL("./migrations.sql", import.meta.url);
const SCHEMA = /^schema-(\d+)$/;

/** The migrations of a file, which must be numbered 1, 2, 3, … */
function migrationsOf(file: URL): string[] {
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

export function migrate(database: DatabaseSync, file: URL): void {
  const migrations = migrationsOf(file);
  // The folder and the file: the same wherever the program is installed.
  const store = file.pathname.split("/").slice(-2).join("/");
  const sql = prepareStatements(database, OWN);
  database.exec("BEGIN IMMEDIATE");
  try {
    sql.run("create");
    const version = Number(sql.get("version", store)?.version ?? 0);
    if (version > migrations.length) {
      throw new Error(
        `The database was written by a newer version of this program (${store} is at ${version}, this one knows ${migrations.length}). ` +
          "Start the newer version, or restore a backup.",
      );
    }
    for (const migration of migrations.slice(version)) database.exec(migration);
    if (version < migrations.length) sql.run("set-version", store, migrations.length);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
