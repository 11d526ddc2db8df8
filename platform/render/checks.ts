/**
 * How much checking data by a schema comes to, counted the way the validator goes, before it does: a schema and data come from strangers,
 * and the validator has no bounds of its own. It also collects every mismatch, whose words hold the keyword's own value.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { MAX_CHECKS } from "./limits.ts";

/** So many characters that are looked at cost about as much as one check. */
const CHARS_A_CHECK = 16;
/** Keywords that look at every character of a text. */
const reading = ["format", "minLength", "maxLength"] as const;
/** Keywords that the same value is checked by once more. */
const branches = ["allOf", "anyOf", "oneOf"] as const;

/** Whether it would come to more than may be. `schema` has passed checkSchema, so no $ref leads back to itself. */
export function isTooMuch(schema: JsonObject, data: JsonObject): boolean {
  return new Count((schema.$defs ?? {}) as JsonObject).leaves(schema, data) < 0;
}

class Count {
  readonly #defs: JsonObject;
  /** What a schema costs each value, but for what is inside of either. */
  readonly #own = new Map<JsonObject, number>();
  #left = MAX_CHECKS;

  constructor(defs: JsonObject) {
    this.#defs = defs;
  }

  /** What is left of the checks that may be made; below 0 it stops counting. */
  leaves(schema: JsonValue | undefined, value: JsonValue): number {
    this.#left -= 1;
    if (this.#left < 0 || typeof schema !== "object" || schema === null || Array.isArray(schema)) return this.#left;
    this.#left -= this.#ownOf(schema);
    if (typeof value === "string" && reading.some((keyword) => schema[keyword] !== undefined))
      this.#left -= Math.ceil(value.length / CHARS_A_CHECK);
    if (schema.$ref !== undefined) this.leaves(this.#defs[(schema.$ref as string).slice("#/$defs/".length)], value);
    if (schema.not !== undefined) this.leaves(schema.not, value);
    for (const keyword of branches) for (const branch of (schema[keyword] ?? []) as JsonValue[]) this.leaves(branch, value);
    if (Array.isArray(value)) this.#entries(schema, value);
    else if (typeof value === "object" && value !== null) this.#fields(schema, value);
    return this.#left;
  }

  #entries({ prefixItems = [], items }: JsonObject, value: readonly JsonValue[]): void {
    const first = prefixItems as JsonValue[];
    for (const [index, each] of value.entries()) {
      if (this.#left < 0) return;
      const schema = index < first.length ? first[index] : items;
      if (schema !== undefined) this.leaves(schema, each);
    }
  }

  #fields({ properties = {}, additionalProperties }: JsonObject, value: JsonObject): void {
    for (const [name, each] of Object.entries(value)) {
      if (this.#left < 0) return;
      const schema = Object.hasOwn(properties as JsonObject, name) ? (properties as JsonObject)[name] : additionalProperties;
      if (schema === undefined) continue;
      this.#left -= Math.ceil(name.length / CHARS_A_CHECK);
      this.leaves(schema, each);
    }
  }

  #ownOf(schema: JsonObject): number {
    const known = this.#own.get(schema);
    if (known !== undefined) return known;
    const { required = [], enum: values, const: value, type } = schema;
    const words = JSON.stringify([values, value, type, required]).length;
    const own = (required as JsonValue[]).length + Math.ceil(words / CHARS_A_CHECK);
    this.#own.set(schema, own);
    return own;
  }
}
