/**
 * The contracts' rules in words: what would be right. A rule with a message of its own (CEL) speaks for itself; the validator's words for
 * the others tell of regular expressions and list items, which callers did not write.
 *
 * A rule that has no words here is a defect: words.test.ts walks every contract.
 */
import { type DescField, getOption } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Violation } from "@bufbuild/protovalidate";
import { FieldRulesSchema, field as rulesOf } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

const counted = (count: unknown, noun: string) => `${count} ${noun}${String(count) === "1" ? "" : "s"}`;

const valuesOf = (field: DescField): string =>
  (field.enum?.values ?? []).flatMap(({ number, name }) => (number === 0 ? [] : [name])).join(", ");

/** By the rule's id without its type; `value` is what the contract wrote beside it. */
const words: Readonly<Record<string, (value: unknown, rules: ReflectMessage, field: DescField) => string>> = {
  required: () => "is missing",
  min_len: (least) => (least === 1n ? "must not be empty" : `must be at least ${counted(least, "character")}`),
  max_len: (most) => `must be at most ${counted(most, "character")}`,
  max_bytes: (most) => `must be at most ${counted(most, "byte")}`,
  uuid: () => "must be a UUID",
  pattern: (pattern) => patterns[String(pattern)] as string,
  min_items: (least) => `must have at least ${counted(least, "item")}`,
  max_items: (most) => `must have at most ${counted(most, "item")}`,
  unique: () => "must not have the same item twice",
  defined_only: (_, _rules, field) => `must be one of ${valuesOf(field)}`,
  not_in: (_, _rules, field) => `must be one of ${valuesOf(field)}`,
  gte: (least) => `must be at least ${least}`,
  lte: (most) => `must be at most ${most}`,
  gte_lte: (_, rules) => `must be from ${ruleOf(rules, "gte")} to ${ruleOf(rules, "lte")}`,
};

const patterns: Readonly<Record<string, string>> = {
  "^[a-z][a-z0-9-]{0,31}$": "must be 1 to 32 lower-case letters, digits and hyphens, like staging, beginning with a letter",
  "^\\P{C}*$": "must be printable characters",
  "^[^~\\s\\p{C}][^\\s\\p{C}]*$": "must be printable characters without blanks, and not begin with ~",
  "^[A-Za-z0-9][A-Za-z0-9._:-]*$":
    "must be letters, digits, dots, underscores, colons and hyphens, like post.liked, beginning with a letter or digit",
  "^[A-Za-z0-9][A-Za-z0-9_-]*$": "must be letters, digits, underscores and hyphens, like billing, beginning with a letter or digit",
  "^[a-z0-9][a-z0-9._-]{0,63}$":
    "must be 1 to 64 lower-case letters, digits, dots, underscores and hyphens, like order-paid, beginning with a letter or digit",
  "^(\\*|[A-Za-z0-9][A-Za-z0-9_-]*)$":
    "must be * or letters, digits, underscores and hyphens, like billing, beginning with a letter or digit",
};

const ruleOf = (rules: ReflectMessage, name: string): unknown => {
  const field = rules.fields.find((each) => each.name === name);
  return field && rules.get(field);
};

export function wordsOf({ ruleId, rule, field: path, message }: Violation): string {
  const steps = rule.filter((step) => step.kind === "field");
  const last = steps.at(-1);
  const say = words[ruleId.split(".").at(-1) ?? ""];
  const field = path.findLast((step) => step.kind === "field");
  if (!say || !field || !last || steps[0]?.name.startsWith("cel")) return message;
  let rules = reflect(FieldRulesSchema, getOption(field, rulesOf));
  for (const step of steps.slice(0, -1)) rules = rules.get(step) as ReflectMessage;
  return say(rules.get(last), rules, field) ?? message;
}
