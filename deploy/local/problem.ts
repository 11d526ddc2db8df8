/** What keeps an engine from running, as a sentence for whoever starts it. */
import type { EngineName } from "./addresses.ts";

/** The engine is there and does not start, or not here: wrong data, a lock, a program that ends. */
export class EngineProblem extends Error {}

/** The program cannot be had on this machine; the message says what to install. */
export class ProgramMissing extends EngineProblem {}

/** Some engines cannot be had; nothing was started. */
export class EnginesMissing extends EngineProblem {
  readonly missing: ReadonlyMap<EngineName, string>;

  constructor(missing: ReadonlyMap<EngineName, string>) {
    super([...new Set(missing.values())].join("\n"));
    this.missing = missing;
  }
}
