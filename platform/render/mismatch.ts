/** What the validator found, in the fields and the words of whoever sent the data. Never quotes the data. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { OutputUnit } from "@cfworker/json-schema";
import { pathTo } from "./data.ts";

/** The validator also reports every schema around the one that failed; only the innermost says something. */
const around: ReadonlySet<string> = new Set(["properties", "additionalProperties", "items", "prefixItems", "allOf", "$ref"]);

export const isLeaf = ({ keyword, keywordLocation }: OutputUnit): boolean =>
  // What the branches of an anyOf say contradicts itself; the anyOf has a line of its own.
  !around.has(keyword) && !/\/(anyOf|oneOf|not)\/./.test(keywordLocation);

/** `data.order.total`; of a value that is not there, where it should be. */
export function pathOf({ keyword, instanceLocation, error }: OutputUnit, data: JsonObject): string {
  let path = "data";
  let at: JsonValue | undefined = data;
  for (const key of segmentsOf(instanceLocation)) {
    path = pathTo(path, key, Array.isArray(at));
    at = (at as JsonObject | undefined)?.[key];
  }
  if (keyword !== "required") return path;
  const name = /property "(.*)"\.$/s.exec(error)?.[1];
  return name === undefined ? path : pathTo(path, name, false);
}

export function describe({ keyword, keywordLocation }: OutputUnit, schema: JsonObject): string {
  const value = keywordValue(keywordLocation, schema);
  switch (keyword) {
    case "required":
      return "is missing";
    case "false":
      return "is not part of the template's input schema";
    case "type":
      return `must be ${[value].flat().join(" or ")}`;
    case "enum":
      return `must be one of ${(value as JsonValue[]).map((each) => JSON.stringify(each)).join(", ")}`;
    case "const":
      return `must be ${JSON.stringify(value)}`;
    case "format":
      return `must be in the format ${value}`;
    case "anyOf":
    case "oneOf":
      return `must keep ${keyword === "anyOf" ? "one" : "exactly one"} of the schemas of the template's input schema here`;
    case "not":
      return "is what the template's input schema rules out here";
    default:
      return bounds[keyword]?.(String(value)) ?? "does not keep the template's input schema";
  }
}

const bounds: Readonly<Record<string, (bound: string) => string>> = {
  minimum: (bound) => `must be at least ${bound}`,
  maximum: (bound) => `must be at most ${bound}`,
  exclusiveMinimum: (bound) => `must be more than ${bound}`,
  exclusiveMaximum: (bound) => `must be less than ${bound}`,
  multipleOf: (bound) => `must be a multiple of ${bound}`,
  minLength: (bound) => `must have at least ${bound} characters`,
  maxLength: (bound) => `must have at most ${bound} characters`,
  minItems: (bound) => `must have at least ${bound} entries`,
  maxItems: (bound) => `must have at most ${bound} entries`,
  minProperties: (bound) => `must have at least ${bound} fields`,
  maxProperties: (bound) => `must have at most ${bound} fields`,
};

/** Follows the location, `$ref`s among it, into the schema. */
function keywordValue(location: string, schema: JsonObject): JsonValue | undefined {
  let at: JsonValue | undefined = schema;
  for (const key of segmentsOf(location)) {
    at = (at as JsonObject | undefined)?.[key];
    if (key === "$ref" && typeof at === "string") at = keywordValue(at, schema);
  }
  return at;
}

/** Of a JSON pointer in a fragment: "#/order/a~1b" -> order, a/b. */
const segmentsOf = (location: string): string[] =>
  location
    .split("/")
    .slice(1)
    .map((segment) => decodeURIComponent(segment).replaceAll("~1", "/").replaceAll("~0", "~"));
