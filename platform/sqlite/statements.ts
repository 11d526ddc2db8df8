/** The named statements of a .sql file: parsed, and prepared when first used. Both sides of the writer thread read them so. */
import { readFileSync } from "node:fs";
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Row, Sql } from "./sqlite.ts";

const NAME_LINE = /^-- name: (.*)$/;

/** Statements by name, in the order of the file. What stands above the first name is the file's own comment. */
export function parseStatements(text: string): Map<string, string> {
  const statements = new Map<string, string>();
  let name: string | undefined;
  for (const line of text.split("\n")) {
    const named = NAME_LINE.exec(line)?.[1]?.trim();
    if (named === undefined) {
      if (name !== undefined) statements.set(name, `${statements.get(name)}${line}\n`);
      continue;
    }
    if (statements.has(named)) throw new Error(`The statement "${named}" stands there twice.`);
    name = named;
    statements.set(name, "");
  }
  return statements;
}

export const readStatements = (file: URL): Map<string, string> => parseStatements(readFileSync(file, "utf8"));

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
