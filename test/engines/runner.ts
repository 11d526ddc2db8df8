/**
 * Skips, as one test that says why, each file that needs an engine which cannot be had on this machine.
 *
 * What a file needs is what it takes from the addresses: `inject("engines").kafka`, `const { kafka } = …`; one that names none of them is
 * taken to need them all, as every test of behaviour does.
 */
import { readFileSync } from "node:fs";
import { inject, TestRunner, test } from "vitest";
import { engineNames } from "../../deploy/local/addresses.ts";

export default class EnginesRunner extends TestRunner {
  override importFile(filepath: string, source: "collect" | "setup"): unknown {
    const missing = source === "collect" ? inject("missingEngines") : {};
    const needed = neededBy(filepath).find((name) => missing[name] !== undefined);
    if (needed === undefined) return super.importFile(filepath, source);
    return test.skip(`needs ${needed}. ${missing[needed]}`, () => {});
  }
}

function neededBy(file: string) {
  if (file.includes("/test/behaviour/")) return engineNames;
  const text = readFileSync(file, "utf8");
  const named = engineNames.filter((name) => new RegExp(`[.{,]\\s*${name}\\b`).test(text));
  return named.length > 0 ? named : engineNames;
}
