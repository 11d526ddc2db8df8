/**
 * Real engines for the tests that speak to them: those that the file in CARILLON_TEST_ENGINES names, else ones started for this run, once
 * for all projects that have this setup, and gone with everything they kept when it is over.
 *
 * What cannot be had on this machine is skipped by runner.ts; here is said what that is and how to get it.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { type EngineName, engineNames } from "../../deploy/local/addresses.ts";
import { startEngines } from "../../deploy/local/engines.ts";
import { EnginesMissing } from "../../deploy/local/problem.ts";
import type { EngineAddresses } from "./addresses.ts";
import { removeAfterwards } from "./remove-after.ts";

interface TestEngines {
  readonly addresses: Partial<EngineAddresses>;
  readonly missing: ReadonlyMap<EngineName, string>;
  stop(): Promise<void>;
}

/** Every project loads this module anew. */
const shared: { carillonTestEngines?: Promise<TestEngines> } = globalThis as object;

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.carillonTestEngines ??= openEngines();
  const engines = await shared.carillonTestEngines;
  project.provide("engines", engines.addresses as EngineAddresses);
  project.provide("missingEngines", Object.fromEntries(engines.missing));
  return () => engines.stop();
}

const say = (sentence: string) => void process.stderr.write(`${sentence}\n`);

async function openEngines(): Promise<TestEngines> {
  const file = process.env.CARILLON_TEST_ENGINES;
  if (file) return { addresses: JSON.parse(readFileSync(file, "utf8")), missing: new Map(), stop: async () => {} };
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-engines-"));
  removeAfterwards(dataDir);
  const { missing, engines } = await startThoseThereAre(dataDir);
  for (const [name, sentence] of missing) say(`Tests that need ${name} are skipped. ${sentence}`);
  let stopped: Promise<void> | undefined;
  return {
    addresses: engines.addresses,
    missing,
    stop: () =>
      (stopped ??= engines.stop().then(() => {
        rmSync(dataDir, { recursive: true, force: true });
      })),
  };
}

async function startThoseThereAre(dataDir: string) {
  const options = { dataDir, brokers: 1, logger: { info: say, warn: say } } as const;
  try {
    return { engines: await startEngines(options), missing: new Map<EngineName, string>() };
  } catch (error) {
    if (!(error instanceof EnginesMissing)) throw error;
    const { missing } = error;
    return { engines: await startEngines({ ...options, which: engineNames.filter((name) => !missing.has(name)) }), missing };
  }
}
