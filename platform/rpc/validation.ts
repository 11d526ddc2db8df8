/**
 * The rules that a contract writes on its fields, checked by one validator for the whole process.
 *
 * A rule is compiled when its message is first seen (some 30 ms): `warmUp` does it before the first caller waits for it.
 */
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
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
  return result.violations.map((violation) => ({ field: pathToString(violation.field) || "(body)", description: wordsOf(violation) }));
}

export function warmUp(schemas: Iterable<DescMessage>): void {
  for (const schema of schemas) validator.validate(schema, create(schema));
}
