import { expect, it } from "vitest";
import { z } from "zod";
import { Problem } from "#domain/errors.ts";
import { metadata, parseBody, template, userId } from "./body.ts";

const Body = z.strictObject({
  recipient: z.string(),
  user_id: userId.optional(),
  metadata: metadata.optional(),
  template: template.optional(),
});

function problemOf(text: string | Uint8Array): Problem {
  try {
    parseBody(Body, typeof text === "string" ? new TextEncoder().encode(text) : text);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  return expect.fail("was taken");
}
const told = (text: string) => problemOf(text).violations.map(({ field, description }) => `${field}: ${description}`);

it("takes what is right, and numeric user ids as text", () => {
  const text = '{"recipient":"ann ✨","user_id":123,"metadata":{"a":[1,{"b":null}],"c":"\\ud83d\\ude00"}}';
  expect(parseBody(Body, new TextEncoder().encode(text))).toEqual({
    ...{ recipient: "ann ✨", user_id: "123" },
    metadata: { a: [1, { b: null }], c: "😀" },
  });
});

it.each([
  ["a field that is missing", "{}", ["recipient: is missing"]],
  ["a near miss, with the right name", '{"recipient":"a","recipeint":"b"}', ['recipeint: unknown field; did you mean "recipient"?']],
  ["a field that is nothing like ours", '{"recipient":"a","x":1}', ["x: unknown field; known are recipient, user_id, metadata, template"]],
  [
    "one within the template",
    '{"recipient":"a","template":{"name":"t","x":1}}',
    ["template.x: unknown field; known are name, data, locale"],
  ],
  ["a wrong type", '{"recipient":"a","metadata":[1]}', ["metadata: must be an object"]],
  [
    "metadata that is too deep",
    `{"recipient":"a","metadata":{"a":${"[".repeat(30)}${"]".repeat(30)}}}`,
    ["metadata: must be nested at most 24 deep"],
  ],
  ["numbers that no double holds", '{"recipient":"a","metadata":{"a":1e999}}', ["metadata: must hold finite numbers only"]],
])("names %s", (_what, text, violations) => {
  expect(told(text)).toEqual(violations);
});

it("names everything that is wrong at once", () => {
  expect(told('{"recipeint":"b","metadata":5}')).toHaveLength(3);
});

it.each([
  ["an end too early", '{"recipient":\n  "a"', "(line 2, column 6)"],
  ["a comma too many", '{"recipient":"a",}', "(line 1, column 18)"],
])("says where a body stops being JSON: %s", (_what, text, place) => {
  expect(problemOf(text).message).toBe(`The body is not valid JSON in UTF-8 ${place}.`);
});

it.each([
  ["no JSON", "{"],
  ["not UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
  ["half of a surrogate pair in a value", '{"recipient":"\\ud800"}'],
  ["half of a surrogate pair in a name", '{"recipient":"a","metadata":{"\\udc00":1}}'],
  ["deeper than anybody can walk", `{"recipient":"a","metadata":{"a":${"[".repeat(500_000)}${"]".repeat(500_000)}}}`],
])("says malformed of a body that is %s, and never fails", (_what, text) => {
  expect(problemOf(text).reason).toBe("MALFORMED_JSON");
});
