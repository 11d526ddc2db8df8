/**
 * From a text to a program. The grammar, with its rules for blank lines, is Handlebars 4.7's own parser; what Handlebars would do with the
 * tree is not used: a template of ours has variables, `{{#if}}` and `{{#each}}` and nothing that runs code.
 *
 * Throws TemplateProblem and nothing else.
 */
import Handlebars from "handlebars";
import { MAX_BLOCKS, MAX_NESTING, MAX_SOURCE_CHARS, MAX_TAGS } from "./limits.ts";
import { type Place, TemplateProblem } from "./problem.ts";
import type { Counter, Node, Path } from "./program.ts";
import { syntaxProblem } from "./syntax.ts";

/** Whether what is filled in is escaped. */
export type Kind = "html" | "text";

type Ast = hbs.AST.Node;
type Block = hbs.AST.BlockStatement;

/** Everything that makes the parser nest, whether or not it stands where it counts. */
const BLOCK = /\{\{~?(?:[#^]|\s*else(?![\w.-])|\{\{)/g;
const counters: ReadonlySet<string> = new Set(["index", "first", "last"]);
const known: ReadonlySet<string> = new Set(["if", "each"]);
/** What Handlebars knows as helpers. As a variable each has to be written `this.log`, which Handlebars asks for too. */
const helpers: ReadonlySet<string> = new Set(["if", "each", "unless", "with", "log", "lookup", "helperMissing", "blockHelperMissing"]);
/** The names that Handlebars itself guards. Nothing of the kind could be reached, since only own values are read. */
const guarded: ReadonlySet<string> = new Set([
  "__proto__",
  "constructor",
  "prototype",
  "__defineGetter__",
  "__defineSetter__",
  "__lookupGetter__",
  "__lookupSetter__",
]);

export function parse(source: string, kind: Kind): Node[] {
  if (source.length > MAX_SOURCE_CHARS) throw new TemplateProblem(`has ${source.length} characters; at most ${MAX_SOURCE_CHARS} are taken`);
  const { tags, blocks } = sizeOf(source);
  if (tags > MAX_TAGS) throw new TemplateProblem(`has ${tags} tags; at most ${MAX_TAGS} are taken`);
  if (blocks > MAX_BLOCKS) throw new TemplateProblem(`has ${blocks} blocks; at most ${MAX_BLOCKS} are taken`);
  return nodesOf(treeOf(source), { kind, eaches: 0, nesting: 0 });
}

/** What there is to parse: never less than there is, whatever stands in comments. */
export const sizeOf = (source: string) => ({ tags: source.split("{{").length - 1, blocks: source.match(BLOCK)?.length ?? 0 });

function treeOf(source: string): hbs.AST.Program {
  try {
    return Handlebars.parse(source);
  } catch (cause) {
    throw syntaxProblem(cause);
  }
}

interface Within {
  readonly kind: Kind;
  readonly eaches: number;
  readonly nesting: number;
}

const nodesOf = (program: hbs.AST.Program | undefined, within: Within): Node[] =>
  (program?.body ?? []).flatMap((statement) => nodeOf(statement, within));

function nodeOf(statement: hbs.AST.Statement, within: Within): Node | [] {
  const at = placeOf(statement);
  switch (statement.type) {
    case "ContentStatement":
      return (statement as hbs.AST.ContentStatement).value || [];
    case "CommentStatement":
      return [];
    case "MustacheStatement":
      return showOf(statement as hbs.AST.MustacheStatement, within);
    case "BlockStatement":
      return blockOf(statement as Block, within);
    case "PartialStatement":
    case "PartialBlockStatement":
      throw new TemplateProblem("partials ({{> …}}) are not part of the grammar; write the words out", at);
    default:
      throw new TemplateProblem("decorators ({{* …}}) are not part of the grammar", at);
  }
}

function showOf({ path, params, hash, escaped, ...statement }: hbs.AST.MustacheStatement, within: Within): Node {
  const at = placeOf(statement);
  if (!escaped && within.kind === "html")
    throw new TemplateProblem("{{{…}}} and {{&…}} would put data into the HTML as it is; write {{…}}, which escapes it", at);
  if (params.length > 0 || hash)
    throw new TemplateProblem("helpers are not part of the grammar; a tag holds one path, like {{order.total}}", at);
  return { is: "show", path: pathOf(path, within) };
}

function blockOf({ path, params, hash, program, inverse, ...statement }: Block, within: Within): Node {
  const at = placeOf(statement);
  const name = (path as Partial<hbs.AST.PathExpression>).original ?? "";
  if (!known.has(name)) throw new TemplateProblem(`the only blocks are {{#if …}} and {{#each …}}`, at);
  if (params.length !== 1 || hash) throw new TemplateProblem(`{{#${name} …}} takes one path, like {{#${name} order.items}}`, at);
  if (program?.blockParams) throw new TemplateProblem('names after "as" are not part of the grammar; write this.…', at);
  if (within.nesting >= MAX_NESTING) throw new TemplateProblem(`blocks stand within one another at most ${MAX_NESTING} times`, at);
  const inside = { ...within, nesting: within.nesting + 1 };
  const subject = pathOf(params[0] as Ast, within);
  const otherwise = nodesOf(inverse, inside);
  if (name === "if") return { is: "if", path: subject, body: nodesOf(program, inside), otherwise };
  return { is: "each", path: subject, body: nodesOf(program, { ...inside, eaches: within.eaches + 1 }), otherwise };
}

function pathOf(expression: Ast, { eaches }: Within): Path {
  const at = placeOf(expression);
  if (expression.type === "SubExpression") throw new TemplateProblem("sub-expressions are not part of the grammar", at);
  if (expression.type !== "PathExpression") throw new TemplateProblem("a tag holds a path like order.total, not a fixed value", at);
  const { data, depth, parts, original } = expression as hbs.AST.PathExpression;
  for (const part of parts) if (guarded.has(part)) throw new TemplateProblem(`"${part}" is no name of data`, at);
  if (data) return { written: original, at, up: 0, parts: [], counter: counterOf({ depth, parts, eaches }, at) };
  if (depth > eaches)
    throw new TemplateProblem(`"../" leads out of an {{#each}}; there ${eaches === 1 ? "is 1" : `are ${eaches}`} around this`, at);
  if (original === parts[0] && helpers.has(original))
    throw new TemplateProblem(`"${original}" is a word of Handlebars; write this.${original}`, at);
  return { written: original, at, up: depth, parts, counter: undefined };
}

function counterOf({ depth, parts, eaches }: { depth: number; parts: readonly string[]; eaches: number }, at: Place): Counter {
  const [name = ""] = parts;
  if (depth > 0 || parts.length !== 1 || !counters.has(name))
    throw new TemplateProblem("of @-names there are @index, @first and @last", at);
  if (eaches === 0) throw new TemplateProblem(`@${name} has a meaning only within an {{#each}}`, at);
  return name as Counter;
}

const placeOf = ({ loc }: Pick<Ast, "loc">): Place => ({ line: loc.start.line, column: loc.start.column + 1 });
