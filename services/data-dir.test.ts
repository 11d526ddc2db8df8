import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ConfigProblem } from "#platform/config/config.ts";
import { makeDataDir } from "./data-dir.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "carillon-data-dir-"));
  writeFileSync(join(folder, "file"), "");
  symlinkSync(join(folder, "round"), join(folder, "round"));
});
afterAll(() => rmSync(folder, { recursive: true }));

it("is made with everything above it, for its owner only, and taken as it is when it is there", () => {
  const path = join(folder, "a/b/c");
  makeDataDir(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  makeDataDir(path);
  mkdirSync(join(folder, "there"));
  makeDataDir(join(folder, "there"));
});

it.each([
  ["a file", "file", /file is a file\. Name a directory/],
  ["below a file", "file/data", /file is a file\. Name a directory/],
  ["a link that leads to itself", "round/data", /its links go round in a circle\. Name a directory/],
])("that is %s is told in a sentence that names the setting", (_what, name, sentence) => {
  const make = () => makeDataDir(join(folder, name));
  expect(make).toThrow(ConfigProblem);
  expect(make).toThrow(/^CARILLON_DATA_DIR is "/);
  expect(make).toThrow(sentence);
});

it.skipIf(process.platform !== "linux")("where nothing can be made is told, and is not tried for ever", () => {
  expect(() => makeDataDir("/proc/nope/data")).toThrow(/^CARILLON_DATA_DIR is "\/proc\/nope\/data", which cannot be used/);
});
