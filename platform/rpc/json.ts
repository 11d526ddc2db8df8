/**
 * Reading a Protobuf message from a caller's JSON, strictly, and saying field by field what is wrong with it.
 *
 * Good input takes protobuf-es' own reader; only after it has refused is the JSON walked again for the sake of the explanation.
 */
import {
  type DescField,
  type DescMessage,
  fromJson,
  fromJsonString,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  ScalarType,
} from "@bufbuild/protobuf";
import { isFieldError } from "@bufbuild/protobuf/reflect";
import { distance } from "fastest-levenshtein";
import { Problem, type Violation } from "#domain/errors.ts";

const MOST_VIOLATIONS = 100;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Throws Problem MALFORMED_JSON or INVALID_REQUEST. */
export function readJson<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new Problem("MALFORMED_JSON", { message: "The body is not UTF-8.", cause });
  }
  try {
    return fromJsonString(schema, text, { ignoreUnknownFields: false });
  } catch (cause) {
    throw explained(schema, text, cause);
  }
}

function explained(schema: DescMessage, text: string, cause: unknown): Problem {
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
  } catch (error) {
    return new Problem("MALFORMED_JSON", { message: `The body is not valid JSON${whereOf(error, text)}.`, cause: error });
  }
  const violations: Violation[] = [];
  explainMessage(schema, json, "", violations);
  // The reader may refuse what the walk does not know of, such as one key twice in the text.
  if (violations.length === 0) violations.push(fromReader(cause));
  return new Problem("INVALID_REQUEST", { violations: violations.slice(0, MOST_VIOLATIONS), cause });
}

/** V8's own message quotes the text, which may be somebody's data: only the place is told. */
function whereOf(error: unknown, text: string): string {
  const position = /position (\d+)/.exec(String(error))?.[1];
  if (position === undefined) return "";
  const before = text.slice(0, Number(position)).split("\n");
  return ` (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})`;
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
      violations.push({ field: join(path, key), description: `unknown field "${key}"${nearMiss(key, namesLike(schema, key))}` });
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
    return `must be one of ${names.join(", ")}${typeof value === "string" ? nearMiss(value, names) : ""}`;
  }
  if (field.message) return expectedOfTypes[field.message.typeName] ?? `must be the JSON form of ${field.message.typeName}`;
  return expectedOfScalars[field.scalar as ScalarType] ?? "must be a whole number in its range";
}

const expectedOfTypes: Readonly<Record<string, string>> = {
  "google.protobuf.Struct": "must be an object",
  "google.protobuf.ListValue": "must be a list",
  "google.protobuf.Timestamp": "must be a time like 2030-01-31T12:00:00Z",
  "google.protobuf.Duration": "must be a duration in seconds like 1.5s",
};

const expectedOfScalars: Partial<Readonly<Record<ScalarType, string>>> = {
  [ScalarType.STRING]: "must be a string",
  [ScalarType.BOOL]: "must be true or false",
  [ScalarType.BYTES]: "must be base64 text",
  [ScalarType.DOUBLE]: "must be a number",
  [ScalarType.FLOAT]: "must be a number",
};

const isObject = (json: JsonValue): json is JsonObject => typeof json === "object" && json !== null && !Array.isArray(json);
const join = (path: string, name: string) => (path === "" ? name : `${path}.${name}`);

/** In the spelling that the caller uses. */
const namesLike = (schema: DescMessage, key: string) => schema.fields.map((field) => (key.includes("_") ? field.name : field.jsonName));

/** The name that was probably meant, if one is near. */
function nearMiss(written: string, known: readonly string[]): string {
  const plain = (name: string) => name.toLowerCase().replaceAll(/[_-]/g, "");
  const [nearest] = known.map((name) => ({ name, off: distance(plain(written), plain(name)) })).sort((one, other) => one.off - other.off);
  return nearest && nearest.off <= Math.max(2, Math.floor(written.length / 3)) ? `; did you mean "${nearest.name}"?` : "";
}
