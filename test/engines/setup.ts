/** Hands the addresses of running engines to the tests. */
import { readFileSync } from "node:fs";
import type { TestProject } from "vitest/node";
import type {} from "./addresses.ts";

export default function setup(project: TestProject): void {
  const file = process.env.CARILLON_TEST_ENGINES;
  if (!file) throw new Error("CARILLON_TEST_ENGINES names no file with the addresses of running engines");
  project.provide("engines", JSON.parse(readFileSync(file, "utf8")));
}
