import fc from "fast-check";
import { expect, test } from "vitest";
import { originOf } from "./origin.ts";

const SECRET = "a secret of at least 32 characters";
const { prove, isProven } = originOf(SECRET);

test("a proof holds for its key and value, and for any process with the secret", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.uint8Array(), (key, value) => {
      expect(originOf(SECRET).isProven(prove(key, value), key, value)).toBe(true);
    }),
  );
});

test("it holds for no other key, value, division of the two, or secret", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const proof = prove("development/ann", bytes("{}"));
  expect(isProven(proof, "development/bo", bytes("{}"))).toBe(false);
  expect(isProven(proof, "development/ann", bytes("{ }"))).toBe(false);
  expect(isProven(proof, "development/ann{", bytes("}"))).toBe(false);
  expect(originOf(`${SECRET}.`).isProven(proof, "development/ann", bytes("{}"))).toBe(false);
});

test("while the secret is changed, what the other one proved holds too", () => {
  const value = new TextEncoder().encode("{}");
  const proof = prove("development/ann", value);
  expect(originOf(`${SECRET}.`, SECRET).isProven(proof, "development/ann", value)).toBe(true);
  expect(originOf(`${SECRET}.`, SECRET).prove("development/ann", value)).not.toBe(proof);
});

test("what is no proof at all is none", () => {
  for (const text of ["", "ü", "0".repeat(43), "x".repeat(100_000)]) expect(isProven(text, "k", new Uint8Array())).toBe(false);
});
