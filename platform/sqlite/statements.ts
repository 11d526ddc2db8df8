/** The named statements of a .sql file, prepared when first used. Both sides of the writer thread read them so. */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Row } from "#platform/sql/row.ts";
import { readStatements } from "#platform/sql/statements.ts";
import type { Sql } from "./sqlite.ts";

export function prepareStatements(database: DatabaseSync, file: URL): Sql {
  const texts = readStatements(file);
  const prepared = new Map<string, StatementSync>();
  const statement = (name: string): StatementSync => {
    const known = prepared.get(name);
    if (known !== undefined) return known;
    const text = texts.get(name);
    if (text === undefined) throw new Error(`${file.pathname} has no statement named "${name}".`);
    const fresh = database.prepare(text);
    prepared.set(name, fresh);
    return fresh;
  };
  return {
    get: (name: string, ...params: SQLInputValue[]) => statement(name).get(...params) as Row | undefined,
    all: (name: string, ...params: SQLInputValue[]) => statement(name).all(...params) as Row[],
    run: (name: string, ...params: SQLInputValue[]) => ({ changes: Number(statement(name).run(...params).changes) }),
  };
}
