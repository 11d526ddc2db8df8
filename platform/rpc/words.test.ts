import { readdirSync } from "node:fs";
import type { DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import { type Path, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { Violation } from "@bufbuild/protovalidate";
import {
  FieldRulesSchema,
  MessageRulesSchema,
  field as rulesOfField,
  message as rulesOfMessage,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { expect, it } from "vitest";
import { wordsOf } from "./words.ts";

const gen = new URL("../../gen/carillon/", import.meta.url);
const modules = readdirSync(gen, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith("_pb.ts"));
const files: DescFile[] = await Promise.all(
  modules.map(async (name) => Object.values((await import(new URL(name, gen).href)) as object).find((each) => each.kind === "file")),
);

const withNested = (message: DescMessage): DescMessage[] => [message, ...message.nestedMessages.flatMap(withNested)];
const messages = files.flatMap((file) => file.messages.flatMap(withNested));

const UNTOLD = "the validator's own words";
/** Says how a value is looked at, and cannot be broken. */
const SETTINGS = ["ignore"];

interface Told {
  readonly where: string;
  readonly words: string;
}

/** Every rule that is set within these rules, as a caller who broke it would hear it. */
function told(field: DescField, rules: ReflectMessage, way: Path): Told[] {
  return rules.fields
    .filter((each) => rules.isSet(each) && !SETTINGS.includes(each.name))
    .flatMap((rule): Told[] => {
      const where = `${field} ${[...way, rule].map((step) => ("name" in step ? step.name : "")).join(".")}`;
      if (rule.name === "cel") return celOf(rules).map((words) => ({ where, words }));
      if (rule.message) return told(field, rules.get(rule) as ReflectMessage, [...way, rule]);
      return [{ where, words: wordsOf(new Violation(UNTOLD, `any.${rule.name}`, [field], [...way, rule], false)) }];
    });
}

const celOf = (rules: ReflectMessage): string[] =>
  (rules.message as unknown as { cel: { message: string }[] }).cel.map(({ message }) => message);

const everything = messages.flatMap((message): Told[] => [
  ...(hasOption(message, rulesOfMessage)
    ? celOf(reflect(MessageRulesSchema, getOption(message, rulesOfMessage))).map((words) => ({ where: `${message}`, words }))
    : []),
  ...message.fields.flatMap((field) =>
    hasOption(field, rulesOfField) ? told(field, reflect(FieldRulesSchema, getOption(field, rulesOfField)), []) : [],
  ),
]);

it("finds the rules of every contract", () => {
  expect(messages.length).toBeGreaterThan(30);
  expect(everything.map(({ where }) => where)).toEqual(
    expect.arrayContaining([
      "field carillon.ingest.v1.SendRequest.recipients repeated.max_items",
      "field carillon.ingest.v1.SendRequest.channels repeated.items.enum.defined_only",
      "field carillon.ingest.v1.Recipient.user_id string.pattern",
      "message carillon.ingest.v1.Recipient",
    ]),
  );
});

it("every rule of every contract says what would be right, in words", () => {
  expect(everything.filter(({ words }) => !/^(must |needs |is missing$|a \w+ needs )/.test(words))).toEqual([]);
});
