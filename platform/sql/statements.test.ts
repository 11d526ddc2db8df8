import { expect, test } from "vitest";
import { parseStatements } from "./statements.ts";

test("statements are found by name, in the order of the file, without what stands above them", () => {
  const statements = parseStatements(
    "-- About the file.\n\n-- name: schema-1\nCREATE TABLE t (a);\nCREATE TABLE u (a);\n\n-- name: get\n-- A comment.\nSELECT 1;",
  );
  expect([...statements.keys()]).toEqual(["schema-1", "get"]);
  expect(statements.get("schema-1")?.trim()).toBe("CREATE TABLE t (a);\nCREATE TABLE u (a);");
  expect(statements.get("get")).toContain("SELECT 1;");
});

test("a name that stands there twice is refused", () => {
  expect(() => parseStatements("-- name: get\nSELECT 1;\n-- name: get\nSELECT 2;")).toThrow('"get"');
});
