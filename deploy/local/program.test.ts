import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ProgramMissing } from "./problem.ts";
import { obtainProgram, type Wanted } from "./program.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "carillon-program-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const wanted: Wanted = {
  ...{ title: "Chime", program: "chime-server", oldest: [7, 2], version: /\bv=(\d+)\.(\d+)/ },
  ...{ aptPackage: "chime-server", brewFormula: "chime" },
};
const silent = { info: () => {}, warn: () => {} };
const HOW = "Install Chime (Debian and Ubuntu: apt-get install chime-server; macOS: brew install chime).";

function put(body: string): string {
  const file = join(folder, "chime-server");
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** The sentence, with a PATH on which there is no apt-get. */
function refusal(): string {
  try {
    obtainProgram(wanted, silent, folder);
  } catch (error) {
    if (error instanceof ProgramMissing) return error.message;
    throw error;
  }
  throw new Error("it was obtained");
}

test("a program on the PATH that is new enough is taken", () => {
  const file = put("echo Chime server v=7.2.4");
  expect(obtainProgram(wanted, silent, folder)).toBe(file);
});

test("one that is not there is said with what to install", () => {
  expect(refusal()).toBe(`There is no chime-server on this machine. ${HOW}`);
});

test("one that is too old is said with its version and the oldest that would do", () => {
  const file = put("echo Chime server v=7.1.9");
  expect(refusal()).toBe(`Chime 7.2 or later is needed, and ${file} is 7.1. ${HOW}`);
});

test.each(["echo Something else", "exit 3"])("another program of that name (%s) is not mistaken for it", (body) => {
  const file = put(body);
  expect(refusal()).toBe(`${file} does not say which Chime it is when run with --version. ${HOW}`);
});
