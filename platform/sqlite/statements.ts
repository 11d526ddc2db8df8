/** Named statements of a .sql file, prepared when first used; and its migrations, run once each. Used on both sides of the thread. */
import { readFileSync } from "node:fs";
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Row, Sql } from "./sqlite.ts";

export function parseStatements(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of text.split(/^-- name: /m).slice(1)) {
    const [name, ...lines] = part.split("\n");
    found.set((name as string).trim(), lines.join("\n").trim());
  }
  return found;
}

export function statementsOf(database: DatabaseSync, file: URL): Sql {
  const texts = parseStatements(readFileSync(file, "utf8"));
  const prepared = new Map<string, StatementSync>();
  const statement = (name: string) => {
    let found = prepared.get(name);
    if (!found) {
      const text = texts.get(name);
      if (text === undefined) throw new Error(`${file.pathname} has no statement named ${name}`);
      found = database.prepare(text);
      prepared.set(name, found);
    }
    return found;
  };
  return {
    get: (name: string, ...params: SQLInputValue[]) => statement(name).get(...params) as Row | undefined,
    all: (name: string, ...params: SQLInputValue[]) => statement(name).all(...params) as Row[],
    run: (name: string, ...params: SQLInputValue[]) => ({ changes: Number(statement(name).run(...params).changes) }),
  };
}

/** Runs `schema-1`, `schema-2`, … that the file has not seen yet, in one transaction. */
export function migrate(database: DatabaseSync, file: URL): void {
  const texts = parseStatements(readFileSync(file, "utf8"));
  const name = file.pathname.split("/").slice(-2).join("/");
  const known = [...texts.keys()].filter((each) => each.startsWith("schema-")).length;
  database.exec("BEGIN IMMEDIATE");
  try {
    database.exec("CREATE TABLE IF NOT EXISTS schema_versions (file TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT");
    const row = database.prepare("SELECT version FROM schema_versions WHERE file = ?").get(name);
    const version = Number(row?.version ?? 0);
    if (version > known) throw new Error(`The database is newer than this program: ${name} is at version ${version}, this knows ${known}. Use the newer program.`);
    for (let next = version + 1; next <= known; next++) database.exec(texts.get(`schema-${next}`) as string);
    database.prepare("INSERT INTO schema_versions VALUES (?, ?) ON CONFLICT DO UPDATE SET version = excluded.version").run(name, known);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
