/**
 * Input schemas: the part of JSON Schema 2020-12 that describes data, without what could be used against the process that checks it.
 *
 * The validator (@cfworker/json-schema) interprets. One that compiles a schema to code is faster, but a schema comes from whoever may edit
 * a template. For the same reason no `pattern`: a regular expression can take forever. References lead to `$defs` of the same schema only.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type Schema, Validator } from "@cfworker/json-schema";
import type { Violation } from "#domain/errors.ts";
import { isTooMuch } from "./checks.ts";
import { faultsOf } from "./data.ts";
import { MAX_CHECKS, MAX_SCHEMA_BYTES, MAX_SCHEMA_PARTS } from "./limits.ts";
import { describe, isLeaf, pathOf } from "./mismatch.ts";

/** What is wrong with data; fields begin with "data". */
export type Check = (data: JsonObject) => Violation[];

const DIALECT = "https://json-schema.org/draft/2020-12/schema";
const MOST_VIOLATIONS = 20;

/** Keywords whose value is a schema, a list of them, or schemas by name. */
const single: ReadonlySet<string> = new Set(["additionalProperties", "items", "not"]);
const several: ReadonlySet<string> = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
const named: ReadonlySet<string> = new Set(["properties", "$defs"]);

const isCount = (value: JsonValue) => typeof value === "number" && Number.isInteger(value) && value >= 0;
const isNumber = (value: JsonValue) => typeof value === "number";
const isText = (value: JsonValue) => typeof value === "string";
const isAnything = () => true;
const types: ReadonlySet<JsonValue> = new Set(["object", "array", "string", "number", "integer", "boolean", "null"]);
const formats: ReadonlySet<JsonValue> = new Set([
  "date",
  "time",
  "date-time",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "uri",
  "uuid",
]);
const isListOf = (value: JsonValue, isOne: (each: JsonValue) => boolean) => Array.isArray(value) && value.length > 0 && value.every(isOne);

/** The other keywords: what their value must be, in a test and in words. */
const plain: Readonly<Record<string, readonly [(value: JsonValue) => boolean, string]>> = {
  $schema: [(value) => value === DIALECT, `must be ${DIALECT}`],
  $comment: [isText, "must be a text"],
  title: [isText, "must be a text"],
  description: [isText, "must be a text"],
  default: [isAnything, ""],
  examples: [(value) => Array.isArray(value), "must be a list"],
  type: [
    (value) => types.has(value) || isListOf(value, (each) => types.has(each)),
    `must be one of ${[...types].join(", ")}, or a list of them`,
  ],
  format: [(value) => formats.has(value), `must be one of ${[...formats].join(", ")}`],
  enum: [(value) => isListOf(value, isAnything), "must be a list of values"],
  const: [isAnything, ""],
  required: [(value) => Array.isArray(value) && value.every(isText), "must be a list of names"],
  minimum: [isNumber, "must be a number"],
  maximum: [isNumber, "must be a number"],
  exclusiveMinimum: [isNumber, "must be a number"],
  exclusiveMaximum: [isNumber, "must be a number"],
  multipleOf: [(value) => typeof value === "number" && value > 0, "must be a number above 0"],
  minLength: [isCount, "must be a whole number"],
  maxLength: [isCount, "must be a whole number"],
  minItems: [isCount, "must be a whole number"],
  maxItems: [isCount, "must be a whole number"],
  minProperties: [isCount, "must be a whole number"],
  maxProperties: [isCount, "must be a whole number"],
};

/** What is wrong with a schema; fields begin with "input_schema". */
export function checkSchema(schema: JsonObject): Violation[] {
  if (new TextEncoder().encode(JSON.stringify(schema)).length > MAX_SCHEMA_BYTES)
    return [{ field: "input_schema", description: `must be at most ${MAX_SCHEMA_BYTES / 1_024} KiB as JSON` }];
  const violations: Violation[] = [];
  walk(schema, "input_schema", isObject(schema.$defs) ? schema.$defs : {}, violations);
  if (violations.length > 0) return violations.slice(0, MOST_VIOLATIONS);
  if (partsOf(schema, defsOf(schema), []) > MAX_SCHEMA_PARTS)
    return [
      {
        field: "input_schema",
        description: `must have at most ${MAX_SCHEMA_PARTS} parts, counting what each $ref leads to, and no $ref that leads back to itself`,
      },
    ];
  return [];
}

/** `schema` has passed checkSchema. */
export function compileSchema(schema: JsonObject): Check {
  // The validator notes things of its own in the schema that it is given.
  const own = structuredClone(schema) as Schema;
  const validator = new Validator(own, "2020-12", false);
  return (data) => {
    const faults = faultsOf(data);
    if (faults.length > 0) return faults;
    if (isTooMuch(schema, data))
      return [{ field: "data", description: `is too much for this schema: checking it would take more than ${MAX_CHECKS} steps` }];
    const { valid, errors } = validator.validate(data);
    if (valid) return [];
    const found: Violation[] = [];
    for (const error of errors) {
      if (found.length === MOST_VIOLATIONS) break;
      if (isLeaf(error)) found.push({ field: pathOf(error, data), description: describe(error, schema) });
    }
    return found.length > 0 ? found : [{ field: "data", description: "does not keep the template's input schema" }];
  };
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const defsOf = (schema: JsonObject): JsonObject => (schema.$defs ?? {}) as JsonObject;

function walk(schema: JsonValue, path: string, defs: JsonObject, violations: Violation[]): void {
  if (typeof schema === "boolean") return;
  if (!isObject(schema)) return void violations.push({ field: path, description: "must be a schema: an object, true or false" });
  for (const [keyword, value] of Object.entries(schema)) {
    const field = `${path}.${keyword}`;
    if (!keyword.isWellFormed()) return void violations.push({ field: path, description: "has a name that is not Unicode" });
    const rule = Object.hasOwn(plain, keyword) ? plain[keyword] : undefined;
    if (rule) {
      if (!rule[0](value)) violations.push({ field, description: rule[1] });
    } else if (single.has(keyword)) walk(value, field, defs, violations);
    else if (several.has(keyword)) {
      if (!isListOf(value, isAnything)) violations.push({ field, description: "must be a list of schemas" });
      else for (const [index, each] of (value as JsonValue[]).entries()) walk(each, `${field}[${index}]`, defs, violations);
    } else if (named.has(keyword)) {
      if (!isObject(value)) violations.push({ field, description: "must be an object of schemas" });
      else
        for (const [name, each] of Object.entries(value)) {
          if (name.isWellFormed()) walk(each, `${field}.${name}`, defs, violations);
          else violations.push({ field, description: "has a name that is not Unicode" });
        }
    } else if (keyword === "$ref") {
      const name = referred(value);
      if (name === undefined || !Object.hasOwn(defs, name))
        violations.push({ field, description: "must lead to an entry of the schema's own $defs, like #/$defs/item" });
    } else violations.push({ field, description: refusal(keyword) });
  }
  if (path !== "input_schema" && Object.hasOwn(schema, "$defs"))
    violations.push({ field: `${path}.$defs`, description: "must stand at the top" });
}

const refusal = (keyword: string) =>
  keyword === "pattern" || keyword === "patternProperties"
    ? "is not taken: a regular expression can hold up everybody; say format, enum or maxLength instead"
    : "is not taken; docs/templates.md lists the keywords";

/** "#/$defs/item" -> "item"; plain names only, so nothing has to be unescaped. */
const referred = (value: JsonValue | undefined): string | undefined =>
  typeof value === "string" ? /^#\/\$defs\/([\w-]+)$/.exec(value)?.[1] : undefined;

/** Schemas that checking one value may come to: more than the most when a $ref leads back to where it stands. */
function partsOf(schema: JsonValue, defs: JsonObject, through: readonly string[]): number {
  if (!isObject(schema)) return 1;
  let parts = 1;
  for (const [keyword, value] of Object.entries(schema)) {
    if (parts > MAX_SCHEMA_PARTS) break;
    if (keyword === "$ref") {
      const name = referred(value) as string;
      parts += through.includes(name) ? Number.POSITIVE_INFINITY : partsOf(defs[name] as JsonValue, defs, [...through, name]);
    } else if (single.has(keyword)) parts += partsOf(value, defs, through);
    else if (several.has(keyword) || keyword === "properties")
      for (const each of Object.values(value as JsonObject))
        parts += parts > MAX_SCHEMA_PARTS ? 0 : partsOf(each as JsonValue, defs, through);
  }
  return parts;
}
