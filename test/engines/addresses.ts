/** What the tests on real engines are given, by vitest's `inject`. */
import type { EngineAddresses, EngineName } from "../../deploy/local/addresses.ts";

export type { EngineAddresses };

declare module "vitest" {
  export interface ProvidedContext {
    /** Without those that are missing, whose suites are skipped. A test makes its own database, keyspace, topics and keys. */
    engines: EngineAddresses;
    /** The engines that cannot be had here, and how to get them. */
    missingEngines: Partial<Record<EngineName, string>>;
  }
}
