/** Brings a database up to the schema of a .sql file: `schema-1`, `schema-2`, …, each run once, in order, all of them or none. */
import type { DatabaseSync } from "node:sqlite";
import { migrationsOf, refuseNewer, storeOf } from "#platform/sql/migrations.ts";
import { prepareStatements } from "./statements.ts";

const OWN = new URL("./migrations.sql", import.meta.url);

export function migrate(database: DatabaseSync, file: URL): void {
  const migrations = migrationsOf(file);
  const store = storeOf(file);
  const sql = prepareStatements(database, OWN);
  database.exec("BEGIN IMMEDIATE");
  try {
    sql.run("create");
    const version = Number(sql.get("version", store)?.version ?? 0);
    refuseNewer(store, version, migrations.length);
    for (const migration of migrations.slice(version)) database.exec(migration);
    if (version < migrations.length) sql.run("set-version", store, migrations.length);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
