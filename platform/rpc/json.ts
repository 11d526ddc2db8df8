/**
 * Reading a Protobuf message from a caller's JSON, strictly, and saying field by field what is wrong with it.
 *
 * Good input takes protobuf-es' own reader; only after it has refused is the JSON walked again for the sake of the explanation, and of the
 * items that are answered one by one.
 */
import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  fromJsonString,
  getOption,
  type JsonObject,
  type JsonValue,
  type Message,
  type MessageShape,
  ScalarType,
} from "@bufbuild/protobuf";
import { isFieldError } from "@bufbuild/protobuf/reflect";
import { field as rulesOf } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Problem, type Violation } from "#domain/errors.ts";
import { nearest } from "#domain/near.ts";
import { placeOf } from "#platform/json-place.ts";
import { itemByItemFields, markUnreadable } from "./items.ts";

const MOST_VIOLATIONS = 100;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Throws Problem MALFORMED_JSON or INVALID_REQUEST. */
export function readJson<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  const text = textOf(bytes);
  try {
    return fromJsonString(schema, text, { ignoreUnknownFields: false });
  } catch (cause) {
    const json = parsed(text);
    const message = readItemByItem(schema, json);
    if (message) return message;
    throw new Problem("INVALID_REQUEST", { violations: explained(schema, json, cause), cause });
  }
}

export interface InParts {
  readonly partBytes: number;
  /** Waits until so many bytes more may be read. */
  readonly turn: (bytes: number) => Promise<void>;
}

/** As readJson, the items that are answered one by one in parts. */
export async function readJsonInParts<D extends DescMessage>(
  schema: D,
  bytes: Uint8Array,
  { partBytes, turn }: InParts,
): Promise<MessageShape<D>> {
  await turn(bytes.byteLength);
  const json = parsed(textOf(bytes));
  const [list] = itemByItemFields(schema);
  const key = list && isObject(json) ? keyOf(list.field, json) : "";
  const items = isObject(json) ? json[key] : undefined;
  const isInParts = Array.isArray(items) && items.length > 0 && items.length <= (list?.most ?? 0);
  if (!list || !isObject(json) || !isInParts) return readJson(schema, bytes);
  const most = Math.max(1, Math.floor((items.length * partBytes) / bytes.byteLength));
  const message = create(schema);
  const into = message as unknown as Record<string, Message[]>;
  for (let from = 0; from < items.length; from += most) {
    const some = items.slice(from, from + most);
    await turn(partBytes);
    const part = readSome(schema, { ...(from === 0 ? json : {}), [key]: some });
    // Something else than its items is wrong with it; what, is said of the whole.
    if (!part) return readJson(schema, bytes);
    if (from === 0) Object.assign(message, part);
    else into[list.field.localName]?.push(...((part as unknown as Record<string, Message[]>)[list.field.localName] ?? []));
  }
  return message;
}

function readSome<D extends DescMessage>(schema: D, json: JsonObject): MessageShape<D> | undefined {
  try {
    return fromJson(schema, json, { ignoreUnknownFields: false });
  } catch {
    return readItemByItem(schema, json);
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new Problem("MALFORMED_JSON", { message: "The body is not UTF-8.", cause });
  }
}

/** In the spelling that the caller uses. */
const keyOf = (field: DescField, json: JsonObject) => (field.name in json ? field.name : field.jsonName);

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new Problem("MALFORMED_JSON", { message: `The body is not valid JSON${placeOf(cause, text)}.`, cause });
  }
}

function explained(schema: DescMessage, json: JsonValue, cause: unknown): Violation[] {
  const violations: Violation[] = [];
  explainMessage(schema, json, "", violations);
  // The reader may refuse what the walk does not know of.
  return violations.length > 0 ? violations.slice(0, MOST_VIOLATIONS) : [fromReader(cause)];
}

/** The message with an empty one for each item that cannot be read; undefined when more than items is wrong with it. */
function readItemByItem<D extends DescMessage>(schema: D, json: JsonValue): MessageShape<D> | undefined {
  if (!isObject(json)) return undefined;
  const readable = { ...json };
  const wrong: { field: DescField; at: number; violations: readonly Violation[] }[] = [];
  for (const { field, item, most } of itemByItemFields(schema)) {
    const key = keyOf(field, json);
    const items = json[key];
    if (!Array.isArray(items) || items.length > most) continue;
    readable[key] = items.map((each, at) => {
      const violations = wrongWith(item, each);
      if (violations.length === 0) return each;
      wrong.push({ field, at, violations });
      return {};
    });
  }
  if (wrong.length === 0) return undefined;
  try {
    const message = fromJson(schema, readable, { ignoreUnknownFields: false });
    const lists = message as unknown as Readonly<Record<string, readonly Message[]>>;
    for (const { field, at, violations } of wrong) markUnreadable(lists[field.localName]?.[at] as Message, violations);
    return message;
  } catch {
    return undefined;
  }
}

function wrongWith(schema: DescMessage, json: JsonValue): Violation[] {
  try {
    fromJson(schema, json, { ignoreUnknownFields: false });
    return [];
  } catch (cause) {
    return explained(schema, json, cause);
  }
}

function fromReader(error: unknown): Violation {
  const message = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error ? error.cause : undefined;
  return {
    field: isFieldError(cause) ? cause.field().name : "(body)",
    description: message.replace(/^cannot decode .* from JSON: /, ""),
  };
}

function explainMessage(schema: DescMessage, json: JsonValue, path: string, violations: Violation[]): void {
  if (!isObject(json)) {
    violations.push({ field: path || "(body)", description: "must be an object" });
    return;
  }
  const seen = new Set<DescField>();
  for (const [key, value] of Object.entries(json)) {
    const field = schema.fields.find((each) => each.name === key || each.jsonName === key);
    if (!field) {
      violations.push({ field: join(path, key), description: `unknown field "${key}"${meantField(schema, key, path)}` });
    } else if (seen.has(field)) {
      violations.push({ field: join(path, field.name), description: "is given twice" });
    } else if (value !== null) {
      seen.add(field);
      explainField(schema, field, value, join(path, field.name), violations);
    }
  }
}

function explainField(schema: DescMessage, field: DescField, value: JsonValue, path: string, violations: Violation[]): void {
  if (field.fieldKind === "list") {
    if (!Array.isArray(value)) violations.push({ field: path, description: "must be a list" });
    else for (const [at, item] of value.entries()) explainItem(schema, field, item, [item], `${path}[${at}]`, violations);
  } else if (field.fieldKind === "map") {
    if (!isObject(value)) violations.push({ field: path, description: "must be an object" });
    else
      for (const [key, item] of Object.entries(value))
        explainItem(schema, field, item, { [key]: item }, `${path}[${JSON.stringify(key)}]`, violations);
  } else {
    explainItem(schema, field, value, value, path, violations);
  }
}

/** `whole` is the item inside its own list or map: whether it may stand there is asked of the reader itself. */
function explainItem(
  schema: DescMessage,
  field: DescField,
  item: JsonValue,
  whole: JsonValue,
  path: string,
  violations: Violation[],
): void {
  if (item !== null && field.message && !field.message.typeName.startsWith("google.protobuf.")) {
    explainMessage(field.message, item, path, violations);
    return;
  }
  try {
    fromJson(schema, { [field.name]: whole });
  } catch {
    violations.push({ field: path, description: item === null ? "must not be null" : expectation(field, item) });
  }
}

function expectation(field: DescField, value: JsonValue): string {
  if (field.enum) {
    const names = field.enum.values.filter((each) => each.number !== 0).map((each) => each.name);
    return `must be one of ${names.join(", ")}${typeof value === "string" ? meantValue(field.enum, value, names) : ""}`;
  }
  if (field.message) return expectedOfTypes[field.message.typeName] ?? `must be the JSON form of ${field.message.typeName}`;
  return expectedOfScalars[field.scalar as ScalarType] ?? wholeNumber(field);
}

const expectedOfTypes: Readonly<Record<string, string>> = {
  "google.protobuf.Struct": "must be an object",
  "google.protobuf.ListValue": "must be a list",
  "google.protobuf.Timestamp": "must be a time in RFC 3339: YYYY-MM-DDThh:mm:ssZ",
  "google.protobuf.Duration": "must be a duration in seconds like 1.5s",
};

const expectedOfScalars: Partial<Readonly<Record<ScalarType, string>>> = {
  [ScalarType.STRING]: "must be a string",
  [ScalarType.BOOL]: "must be true or false",
  [ScalarType.BYTES]: "must be base64 text",
  [ScalarType.DOUBLE]: "must be a number",
  [ScalarType.FLOAT]: "must be a number",
};

/** From what the type can hold to what the contract allows of it; 64 bits are no bound that would tell anybody something. */
function wholeNumber(field: DescField): string {
  const { value: rules } = getOption(field, rulesOf).type as { value?: Partial<Record<"greaterThan" | "lessThan", Bound>> };
  const { least, most } = rangesOfScalars[field.scalar as ScalarType] ?? {};
  const { greaterThan, lessThan } = rules ?? {};
  const from = greaterThan?.case === "gte" ? greaterThan.value : least;
  const to = lessThan?.case === "lte" ? lessThan.value : most;
  return `must be a whole number${from === undefined ? "" : ` from ${from}`}${to === undefined ? "" : ` to ${to}`}`;
}

interface Bound {
  readonly case?: string;
  readonly value?: number | bigint;
}

const rangesOfScalars: Partial<Readonly<Record<ScalarType, { least?: number; most?: number }>>> = {
  [ScalarType.UINT32]: { least: 0, most: 2 ** 32 - 1 },
  [ScalarType.UINT64]: { least: 0 },
  [ScalarType.INT32]: { least: -(2 ** 31), most: 2 ** 31 - 1 },
};

const isObject = (json: JsonValue): json is JsonObject => typeof json === "object" && json !== null && !Array.isArray(json);
const join = (path: string, name: string) => (path === "" ? name : `${path}.${name}`);

/** In the spelling that the caller uses. */
const namesLike = (schema: Pick<DescMessage, "fields">, key: string) =>
  schema.fields.map((field) => (key.includes("_") ? field.name : field.jsonName));

/** Of its own message, or of one inside: a name that is right there is what was meant rather than one that is nearly right here. */
function meantField(schema: DescMessage, key: string, path: string): string {
  const inside = schema.fields.flatMap((field) => {
    if (!field.message || field.message.typeName.startsWith("google.protobuf.") || field.fieldKind === "map") return [];
    const [name] = namesLike({ fields: [field] }, key);
    const own = join(path, field.fieldKind === "list" ? `${name}[0]` : (name as string));
    return namesLike(field.message, key).map((inner) => ({ inner, whole: `${own}.${inner}` }));
  });
  const wholeOf = (name: string | undefined) => inside.find(({ inner }) => inner === name)?.whole;
  const innerNames = inside.map(({ inner }) => inner);
  const found = wholeOf(key) ?? nearest(key, namesLike(schema, key)) ?? wholeOf(nearest(key, innerNames));
  return found === undefined ? "" : `; did you mean "${found}"?`;
}

/** What all values begin with tells nothing: "web" is CHANNEL_WEB, and CHANNEL_SMS is not near it. */
function meantValue({ sharedPrefix = "" }: DescEnum, written: string, names: readonly string[]): string {
  const own = (name: string) => {
    const isWhole = name.toLowerCase().replaceAll("-", "_").startsWith(sharedPrefix);
    return isWhole ? name.slice(sharedPrefix.length) : name;
  };
  const meant = nearest(own(written), names.map(own));
  return meant === undefined ? "" : `; did you mean "${names.find((name) => own(name) === meant)}"?`;
}
