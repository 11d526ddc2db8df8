/** A test whose engines cannot be had on this machine is skipped, and says how to get them. */
import type { TestContext } from "vitest";
import { EnginesMissing } from "../../deploy/local/problem.ts";

export const skipWhereMissing =
  ({ skip }: TestContext) =>
  (error: unknown): never => {
    if (error instanceof EnginesMissing) skip(error.message);
    throw error;
  };
