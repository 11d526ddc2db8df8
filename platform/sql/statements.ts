/** The named statements of a .sql file, whichever database they are for. */
import { readFileSync } from "node:fs";

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
