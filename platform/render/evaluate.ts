/**
 * A program and its data: the text. Reads own values of plain objects and lists, calls nothing, and counts what it does (./limits.ts).
 *
 * Throws TemplateProblem and nothing else.
 */
import { MAX_OUTPUT_CHARS, MAX_ROUNDS, MAX_STEPS } from "./limits.ts";
import { TemplateProblem } from "./problem.ts";
import type { Each, Node, Path } from "./program.ts";

interface Scope {
  readonly value: unknown;
  readonly outer: Scope | undefined;
  readonly index: number;
  readonly last: boolean;
}

interface Run {
  readonly escaped: (text: string) => string;
  text: string;
  steps: number;
  rounds: number;
}

export function evaluate(program: readonly Node[], data: unknown, escaped: (text: string) => string): string {
  const run: Run = { escaped, text: "", steps: 0, rounds: 0 };
  try {
    write(program, { value: data, outer: undefined, index: 0, last: true }, run);
  } catch (cause) {
    if (cause instanceof TemplateProblem) throw cause;
    throw new TemplateProblem("the data is not plain", undefined, cause);
  }
  return run.text.toWellFormed();
}

function write(nodes: readonly Node[], scope: Scope, run: Run): void {
  for (const node of nodes) {
    if (typeof node === "string") {
      put(node, run);
      continue;
    }
    run.steps += 1 + node.path.up + node.path.parts.length;
    if (run.steps > MAX_STEPS) throw new TemplateProblem(`evaluates more than ${MAX_STEPS} tags and parts of paths`, node.path.at);
    const value = lookUp(node.path, scope);
    if (node.is === "show") put(run.escaped(textOf(value, node.path)), run);
    else if (node.is === "if") write(isTruthy(value) ? node.body : node.otherwise, scope, run);
    else writeEach(node, value, scope, run);
  }
}

function writeEach(node: Each, value: unknown, scope: Scope, run: Run): void {
  if (!isTruthy(value)) {
    write(node.otherwise, scope, run);
    return;
  }
  if (!Array.isArray(value)) throw new TemplateProblem(`${node.path.written} is not a list`, node.path.at);
  const { length } = value;
  for (let index = 0; index < length; index++) {
    if (++run.rounds > MAX_ROUNDS) throw new TemplateProblem(`goes through more than ${MAX_ROUNDS} entries of lists`, node.path.at);
    write(node.body, { value: own(value, String(index)), outer: scope, index, last: index === length - 1 }, run);
  }
}

function put(text: string, run: Run): void {
  if (run.text.length + text.length > MAX_OUTPUT_CHARS) throw new TemplateProblem(`becomes longer than ${MAX_OUTPUT_CHARS} characters`);
  run.text += text;
}

function lookUp({ counter, up, parts }: Path, scope: Scope): unknown {
  if (counter === "index") return scope.index;
  if (counter === "first") return scope.index === 0;
  if (counter === "last") return scope.last;
  let from = scope;
  for (let step = 0; step < up; step++) from = from.outer as Scope;
  let value = from.value;
  for (const part of parts) value = own(value, part);
  return value;
}

/** Own values only, so nothing that a prototype brings along; and values only, so a getter is never run. */
const own = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;

/** As Handlebars has it: false, null, "", 0 and the empty list are not. */
const isTruthy = (value: unknown): boolean => Boolean(value) && !(Array.isArray(value) && value.length === 0);

function textOf(value: unknown, { written, at }: Path): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
    case "boolean":
      return String(value);
    case "undefined":
      return "";
    default:
      if (value === null) return "";
      throw new TemplateProblem(
        `${written} is ${Array.isArray(value) ? "a list" : "an object"}, and only text, numbers and truth values are shown`,
        at,
      );
  }
}
