/**
 * The rules that a contract writes on its fields, checked by one validator for the whole process.
 *
 * A rule is compiled when its message is first seen (some 30 ms): `warmUp` does it before the first caller waits for it.
 */
import { create, type DescMessage, type Message, type MessageShape } from "@bufbuild/protobuf";
import { type Path, pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import type { Violation } from "#domain/errors.ts";
import { certainlyKeepsRules } from "./certain.ts";
import { whyUnreadable } from "./items.ts";
import { matches } from "./patterns.ts";
import { wordsOf } from "./words.ts";

const validator = createValidator({ regexMatch: matches });

/** Empty when the message keeps every rule. Fields are named as the contract names them: `recipients[0].email`. */
export function validateMessage<D extends DescMessage>(schema: D, message: MessageShape<D>): Violation[] {
  const unreadable = whyUnreadable(message);
  if (unreadable) return [...unreadable];
  if (certainlyKeepsRules(schema, message)) return [];
  const result = validator.validate(schema, message);
  if (result.kind === "valid") return [];
  if (result.kind === "error") throw result.error;
  const told = result.violations.map((violation) => ({
    field: pathToString(violation.field) || "(body)",
    description: isMissing(message, violation.field) ? "is missing" : wordsOf(violation),
  }));
  // What is missing breaks each rule of its field.
  return [...new Map(told.map((each) => [`${each.field}: ${each.description}`, each])).values()];
}

/** A text that was left out is an empty one; whichever rule it breaks, that is what is wrong with it. Not so an item of a list. */
function isMissing(message: Message, path: Path): boolean {
  let value: unknown = message;
  for (const step of path) {
    if (step.kind !== "field" && step.kind !== "list_sub") return false;
    value = (value as Readonly<Record<string | number, unknown>> | undefined)?.[step.kind === "field" ? step.localName : step.index];
  }
  return path.at(-1)?.kind === "field" && value === "";
}

export function warmUp(schemas: Iterable<DescMessage>): void {
  for (const schema of schemas) validator.validate(schema, create(schema));
}
