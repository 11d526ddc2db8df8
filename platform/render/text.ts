/** One text of a template, compiled: parsed and checked once, filled in as often as there is data. */
import { evaluate } from "./evaluate.ts";
import { MAX_TITLE_CHARS } from "./limits.ts";
import { type Kind, parse } from "./parse.ts";

export type Fill = (data: unknown) => string;

/** Throws TemplateProblem; so does what it answers. */
export function compileText(source: string, kind: Kind): Fill {
  const program = parse(source, kind);
  const escaped = kind === "html" ? escapeHtml : plain;
  return (data) => evaluate(program, data, escaped);
}

/** A title is one line: line breaks and other control characters become spaces, and what is too long is cut. */
export function compileTitle(source: string): Fill {
  const fill = compileText(source, "text");
  return (data) => cut(fill(data).replace(NOT_IN_A_LINE, " ").trim());
}

const NOT_IN_A_LINE = /[\p{Cc}\u2028\u2029]+/gu;

const cut = (title: string) =>
  title.length <= MAX_TITLE_CHARS ? title : `${title.slice(0, MAX_TITLE_CHARS - 1).replace(/[\ud800-\udbff]$/, "")}…`;

const plain = (text: string) => text;

/** The characters that Handlebars escapes: safe in text and in attributes with quotes. */
const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#x27;",
  "`": "&#x60;",
  "=": "&#x3D;",
};
const SPECIAL = /[&<>"'`=]/;
const SPECIALS = /[&<>"'`=]/g;

const escapeHtml = (text: string) => (SPECIAL.test(text) ? text.replace(SPECIALS, (char) => entities[char] as string) : text);
