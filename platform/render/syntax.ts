/** What Handlebars' parser says of a text that it cannot read, in words for the one who wrote it. */
import Handlebars from "handlebars";
import { type Place, TemplateProblem } from "./problem.ts";

/** What stood where something else should have, by the parser's names. */
const unexpected: Readonly<Record<string, string>> = {
  EOF: "the text ends before a tag or a block is closed",
  INVALID: "this cannot stand in a tag; a tag holds a path like order.total and ends with }}",
  CLOSE: "the tag ends too early, or with another number of braces than it began with",
  CLOSE_UNESCAPED: "the tag ends with another number of braces than it began with",
  OPEN_ENDBLOCK: "this closes a block that was not opened",
  INVERSE: "{{else}} stands outside of a block, or twice in one",
  OPEN_INVERSE_CHAIN: "{{else}} stands outside of a block, or twice in one",
  NUMBER: "a number in a path stands in brackets, like items.[0]",
  OPEN_SEXPR: "sub-expressions are not part of the grammar",
};

interface Lexed {
  readonly first_line: number;
  readonly first_column: number;
  readonly last_line: number;
  readonly last_column: number;
}

export function syntaxProblem(cause: unknown): TemplateProblem {
  if (cause instanceof RangeError) return new TemplateProblem("is nested too deeply", undefined, cause);
  const { message, lineNumber, column } = cause as { message: string; lineNumber?: number; column?: number };
  // Handlebars checks some rules of its own on the tree, and then knows the place: "each doesn't match if - 1:3".
  if (lineNumber !== undefined && column !== undefined)
    return new TemplateProblem(message.replace(/ - \d+:\d+$/, ""), { line: lineNumber, column: column + 1 }, cause);
  // The generated parser keeps the place of the last token that it saw, and tells it nowhere else.
  const last = (Handlebars as unknown as { Parser: { lexer?: { yylloc?: Lexed } } }).Parser.lexer?.yylloc;
  const got = /, got '(\w+)'$/.exec(message)?.[1];
  if (got === undefined)
    return new TemplateProblem("here begins something that is never closed, or a character that cannot be read", endOf(last), cause);
  return new TemplateProblem(unexpected[got] ?? "this is not understood here", startOf(last), cause);
}

const startOf = (lexed: Lexed | undefined): Place | undefined => lexed && { line: lexed.first_line, column: lexed.first_column + 1 };
const endOf = (lexed: Lexed | undefined): Place | undefined => lexed && { line: lexed.last_line, column: lexed.last_column + 1 };
