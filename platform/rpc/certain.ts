/**
 * Whether a message certainly keeps its contract's rules: what nearly every message does, found out at a twentieth of what the validator
 * takes.
 *
 * A no means only that the validator has to look, who then finds the words too. So rules that are not known here cost nothing but time.
 */
import { type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import {
  EnumRulesSchema,
  type FieldRules,
  FieldRulesSchema,
  field as fieldRules,
  Ignore,
  MessageRulesSchema,
  message as messageRules,
  oneof as oneofRules,
  RepeatedRulesSchema,
  StringRulesSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { celCheck } from "./certain.cel.ts";
import { matches } from "./patterns.ts";

type Check = (value: unknown) => boolean;

const unsure: Check = () => false;
const sure: Check = () => true;
const checks = new WeakMap<DescMessage, Check>();

export function certainlyKeepsRules(schema: DescMessage, message: unknown): boolean {
  let check = checks.get(schema);
  if (!check) {
    check = checkMessage(schema, []) ?? unsure;
    checks.set(schema, check);
  }
  return check(message);
}

/** All of them; undefined where one of them is not known. */
const all = (each: readonly (Check | undefined)[]): Check | undefined => {
  const known = each.filter((check) => check !== undefined && check !== sure) as Check[];
  if (each.includes(undefined)) return undefined;
  return known.length === 0 ? sure : (value) => known.every((check) => check(value));
};

/** Whether a message of rules says nothing else; `$unknown` is where rules of other people's own would be. */
function saysOnly(schema: DescMessage, rules: object | undefined, ...names: readonly string[]): boolean {
  if (!rules) return true;
  const reflected = reflect(schema, rules as never);
  const said = reflected.fields.filter((field) => reflected.isSet(field)).map(({ name }) => name);
  return !reflected.getUnknown()?.length && said.every((name) => names.includes(name));
}

function checkMessage(desc: DescMessage, within: readonly DescMessage[]): Check | undefined {
  if (within.includes(desc) || desc.oneofs.some((each) => saysSomething(each))) return undefined;
  const rules = getOption(desc, messageRules);
  if (!saysOnly(MessageRulesSchema, rules, "cel")) return undefined;
  const fields = desc.fields.map((field) => {
    const check = checkField(field, [...within, desc]);
    if (check === undefined || check === sure) return check;
    const { localName } = field;
    return (message: unknown) => check((message as Readonly<Record<string, unknown>>)[localName]);
  });
  return all([...fields, ...rules.cel.map(({ expression }) => celCheck(expression, desc))]);
}

/** Fields of a real oneof are elsewhere in their message, and those of an optional one are not always there. */
const saysSomething = (oneof: DescMessage["oneofs"][number]) => getOption(oneof, oneofRules).required || oneof.fields.length > 0;

function checkField(field: DescField, within: readonly DescMessage[]): Check | undefined {
  const rules = getOption(field, fieldRules);
  if (rules.ignore === Ignore.ALWAYS) return sure;
  if (field.fieldKind === "list") return checkList(field, rules, within);
  if (field.fieldKind === "map") return saysOnly(FieldRulesSchema, rules) && !field.message ? sure : undefined;
  if (!field.message && field.presence !== FeatureSet_FieldPresence.IMPLICIT) return undefined;
  const check = checkValue(field, rules, within);
  if (!check || check === sure) return check;
  if (field.message) return (value) => value === undefined || check(value);
  if (rules.ignore !== Ignore.IF_ZERO_VALUE) return check;
  return (value) => value === "" || value === 0 || check(value);
}

/** Rules of one value: the field's, or of each item of a list. */
function checkValue(field: DescField, rules: FieldRules | undefined, within: readonly DescMessage[]): Check | undefined {
  const { type } = rules ?? {};
  const isText = field.scalar === ScalarType.STRING;
  if (!saysOnly(FieldRulesSchema, rules, "ignore", "string", "enum", ...(isText || field.message ? ["cel"] : []))) return undefined;
  const cel = (rules?.cel ?? []).map(({ expression }) => celCheck(expression, field.message));
  if (field.message) {
    // The library gives Struct, Timestamp and their like no rules of their own.
    const isWellKnown = field.message.typeName.startsWith("google.protobuf.");
    return all([isWellKnown ? sure : checkMessage(field.message, within), ...cel]);
  }
  if (type?.case === "string") {
    const { minLen, maxLen, pattern } = type.value;
    if (!saysOnly(StringRulesSchema, type.value, "min_len", "max_len", "pattern")) return undefined;
    const lengths: Check = (value) => typeof value === "string" && isWithin(value, Number(minLen), maxLen ? Number(maxLen) : undefined);
    return all([lengths, pattern === "" ? sure : (value) => matches(pattern, value as string), ...cel]);
  }
  if (type?.case === "enum") {
    const { definedOnly, notIn } = type.value;
    if (!saysOnly(EnumRulesSchema, type.value, "defined_only", "not_in")) return undefined;
    return (value) => (!definedOnly || field.enum?.value[value as number] !== undefined) && !notIn.includes(value as number);
  }
  return all([sure, ...cel]);
}

function checkList(field: DescField & { fieldKind: "list" }, rules: FieldRules, within: readonly DescMessage[]): Check | undefined {
  const { type } = rules;
  if (!saysOnly(FieldRulesSchema, rules, "repeated")) return undefined;
  const said = type.case === "repeated" ? type.value : undefined;
  if (!saysOnly(RepeatedRulesSchema, said, "min_items", "max_items", "unique", "items")) return undefined;
  if (said?.unique && field.message) return undefined;
  const isIgnored = said?.items?.ignore === Ignore.ALWAYS;
  if (!isIgnored && said?.items?.ignore === Ignore.IF_ZERO_VALUE) return undefined;
  const item = isIgnored ? sure : checkValue(field, said?.items, within);
  if (!item) return undefined;
  const least = Number(said?.minItems ?? 0);
  const most = said?.maxItems ? Number(said.maxItems) : Number.POSITIVE_INFINITY;
  return (value) => {
    const items = value as readonly unknown[];
    if (items.length < least || items.length > most) return false;
    return items.every(item) && (!said?.unique || items.length < 2 || new Set(items).size === items.length);
  };
}

/** Characters are code points, at least half as many as the string is long. */
function isWithin(text: string, least: number, most: number | undefined): boolean {
  const { length } = text;
  const count = length >= least * 2 && length <= (most ?? length) ? length : [...text].length;
  return count >= least && count <= (most ?? count);
}
