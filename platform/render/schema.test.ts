import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { checkSchema, compileSchema } from "./schema.ts";

const order: JsonObject = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  required: ["order"],
  properties: {
    name: { type: ["string", "null"], minLength: 2, maxLength: 4 },
    when: { type: "string", format: "date" },
    kind: { enum: ["new", "used"] },
    either: { anyOf: [{ type: "string" }, { type: "number", minimum: 3 }] },
    order: { $ref: "#/$defs/order" },
  },
  $defs: {
    order: {
      type: "object",
      required: ["total", "a/b"],
      additionalProperties: false,
      properties: { total: { type: "number", minimum: 0 }, "a/b": true, items: { type: "array", maxItems: 3, items: { type: "string" } } },
    },
  },
};
const wrong = (data: JsonObject) => compileSchema(order)(data).map(({ field, description }) => `${field} ${description}`);
const fits: JsonObject = { order: { total: 1, "a/b": 2 } };

describe("data that does not keep the schema is told field by field, without the data", () => {
  test.each<[string, JsonObject, string[]]>([
    ["nothing wrong", { ...fits, name: "Ann", when: "2026-11-21", kind: "new", either: "x" }, []],
    ["a missing object", {}, ["data.order is missing"]],
    ["missing fields, one with a name to be escaped", { order: {} }, ["data.order.total is missing", "data.order.a/b is missing"]],
    ["a wrong type", { ...fits, name: 5 }, ["data.name must be string or null"]],
    ["too short", { ...fits, name: "A" }, ["data.name must have at least 2 characters"]],
    ["too long", { ...fits, name: "secret" }, ["data.name must have at most 4 characters"]],
    ["a wrong format", { ...fits, when: "21.11.2026" }, ["data.when must be in the format date"]],
    ["a wrong value", { ...fits, kind: "old" }, ['data.kind must be one of "new", "used"']],
    ["none of several", { ...fits, either: 2 }, ["data.either must keep one of the schemas of the template's input schema here"]],
    ["a field too many", { order: { total: 1, "a/b": 2, "x y": 3 } }, ["data.order.x y is not part of the template's input schema"]],
    ["out of bounds, through a $ref", { order: { total: -1, "a/b": 2 } }, ["data.order.total must be at least 0"]],
    ["in a list", { order: { total: 1, "a/b": 2, items: ["a", 2] } }, ["data.order.items[1] must be string"]],
    ["a list too long", { order: { total: 1, "a/b": 2, items: ["", "", "", ""] } }, ["data.order.items must have at most 3 entries"]],
  ])("%s", (_what, data, expected) => {
    expect(wrong(data)).toEqual(expected);
  });

  test("even where a field is named like a keyword", () => {
    const check = compileSchema({ properties: { anyOf: { properties: { x: false } } } });
    expect(check({ anyOf: { x: 1 } })).toHaveLength(1);
  });

  it("never says that all is well when the validator does not", () => {
    const values = fc.constantFrom<JsonObject[string]>(
      1,
      -1,
      "x",
      "long one",
      null,
      true,
      [],
      ["a"],
      [1, 2, 3, 4],
      {},
      { total: 1 },
      { total: "1", "a/b": 0 },
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("name", "when", "kind", "either", "order", "$ref", "__proto__"), values), (data) => {
        for (const { field, description } of compileSchema(order)(data as JsonObject)) {
          expect(field).toMatch(/^data/);
          expect(description).not.toMatch(/undefined|\[object/);
        }
      }),
    );
  });
});

describe("a schema is refused", () => {
  test.each<[string, JsonObject, string]>([
    ["with a pattern", { properties: { a: { pattern: "(a+)+$" } } }, "input_schema.properties.a.pattern"],
    ["with pattern properties", { patternProperties: { a: true } }, "input_schema.patternProperties"],
    ["with a reference to elsewhere", { $ref: "https://example.test/schema" }, "input_schema.$ref"],
    ["with a reference to what is not there", { $ref: "#/$defs/a", $defs: {} }, "input_schema.$ref"],
    ["with a reference into itself", { $ref: "#/$defs/toString" }, "input_schema.$ref"],
    ["with an id", { $id: "https://example.test/schema" }, "input_schema.$id"],
    ["of another dialect", { $schema: "http://json-schema.org/draft-07/schema#" }, "input_schema.$schema"],
    ["with a word that is not known", { items: { unique: true } }, "input_schema.items.unique"],
    ["with a type that is none", { type: "text" }, "input_schema.type"],
    ["with a format that is none", { format: "regex" }, "input_schema.format"],
    ["with a schema that is none", { allOf: ["string"] }, "input_schema.allOf[0]"],
    ["that leads back to itself", { $ref: "#/$defs/a", $defs: { a: { items: { $ref: "#/$defs/a" } } } }, "input_schema"],
    ["of more than 16 KiB", { description: "x".repeat(17_000) }, "input_schema"],
  ])("%s", (_what, schema, field) => {
    expect(checkSchema(schema).map((violation) => violation.field)).toEqual([field]);
  });

  it("that is small to write and without end to check", () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [
        `d${n}`,
        n === 39 ? {} : { allOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
      ]),
    );
    expect(checkSchema({ $ref: "#/$defs/d0", $defs }).map(({ field }) => field)).toEqual(["input_schema"]);
  });

  it("unless the validator takes it", () => {
    expect(checkSchema(order)).toEqual([]);
    expect(checkSchema({})).toEqual([]);
    expect(checkSchema({ properties: { $ref: { type: "string" }, properties: { type: "object" }, "%": true } })).toEqual([]);
  });
});

describe("data is refused whatever the schema says", () => {
  const check = compileSchema({});
  const deep = (depth: number): JsonObject => Array.from({ length: depth }).reduce<JsonObject>((inner) => ({ a: inner }), {});

  test.each<[string, JsonObject, string]>([
    ["deeper than 16", deep(17), `data${".a".repeat(16)}`],
    ["larger than 64 KiB", { a: "x".repeat(65_536) }, "data"],
    ["with a number that is none", { a: [1, Number.NaN] }, "data.a[1]"],
    ["with a name that is not Unicode", { a: { "\ud800": 1 } }, "data.a"],
  ])("%s", (_what, data, field) => {
    expect(check(data).map((violation) => violation.field)).toEqual([field]);
  });

  const times = <T>(count: number, one: (place: number) => T) => Array.from({ length: count }, (_, place) => one(place));
  const listOf = (items: JsonObject): JsonObject => ({ properties: { list: { items } } });
  const tooMuch = [{ field: "data", description: "is too much for this schema: checking it would take more than 50000 steps" }];

  it.each<[string, JsonObject, JsonObject]>([
    ["many branches", listOf({ anyOf: times(400, () => ({ type: "string" })) }), { list: times(1_000, () => 1) }],
    ["many names that are missing", listOf({ required: times(2_000, (n) => `n${n}`) }), { list: times(60, () => ({})) }],
    ["many values to compare with", listOf({ enum: times(2_500, (n) => n) }), { list: times(1_000, () => -1) }],
    ["long words in each complaint", listOf({ enum: ["x".repeat(15_000)] }), { list: times(20_000, () => 1) }],
    [
      "a long text looked through again and again",
      listOf({ allOf: times(800, () => ({ format: "uri" })) }),
      { list: ["a".repeat(60_000)] },
    ],
    [
      "references on references",
      { $defs: { a: { allOf: times(30, () => ({ type: "object" })) } }, ...listOf({ allOf: times(30, () => ({ $ref: "#/$defs/a" })) }) },
      { list: times(100, () => ({})) },
    ],
  ])("where checking it would take too long: %s", (_what, schema, data) => {
    expect(checkSchema(schema)).toEqual([]);
    expect(compileSchema(schema)(data)).toEqual(tooMuch);
  });

  it("and not for a schema that has much to say of a few values each", () => {
    const order = {
      type: "object",
      required: times(100, (n) => `field-${n}`),
      properties: Object.fromEntries(times(100, (n) => [`field-${n}`, { type: "string", minLength: 1, maxLength: 100 }])),
    };
    const one = Object.fromEntries(times(100, (n) => [`field-${n}`, "some words"]));
    expect(compileSchema(listOf(order))({ list: times(20, () => one) })).toEqual([]);
  });

  it("and taken up to those bounds", () => {
    expect(check(deep(15))).toEqual([]);
    expect(check({ a: "x".repeat(65_000) })).toEqual([]);
  });
});
