import { expect, test } from "vitest";
import { errors, Problem } from "#domain/errors.ts";

const violation = (field: string) => ({ field, description: "must be one line" });

test("a problem's message says the first thing that is wrong, since many show nothing else of it", () => {
  const messageOf = (...fields: string[]) => new Problem("INVALID_REQUEST", { violations: fields.map(violation) }).message;
  expect(messageOf("content.title")).toBe("content.title: must be one line");
  expect(messageOf("content.title", "actor", "category")).toBe("content.title: must be one line (and 2 more)");
  expect(messageOf()).toBe(errors.INVALID_REQUEST.says);
});

test("a message of its own comes first", () => {
  expect(new Problem("INVALID_REQUEST", { message: "Not this.", violations: [violation("actor")] }).message).toBe("Not this.");
});
