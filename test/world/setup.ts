/**
 * Where the worlds of a run are, and what they begin with on the engines. However the run ends, when its processes have ended all of it is
 * removed: by a process of its own (remover.ts), since a run that is killed cannot do it.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder for the data directories of this run's worlds, and what their names on the engines begin with. */
    worlds: { readonly folder: string; readonly run: string };
  }
}

const program = fileURLToPath(new URL("./remover.ts", import.meta.url));

export default function setup(project: TestProject): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "carillon-worlds-"));
  const run = `t${randomBytes(5).toString("hex")}`;
  project.provide("worlds", { folder, run });
  const engines = process.env.CARILLON_TEST_ENGINES;
  const remover = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, folder, run, ...(engines ? [engines] : [])], {
    ...{ detached: true, stdio: ["pipe", "ignore", "inherit"] },
  });
  const removed = once(remover, "exit");
  remover.unref();
  (remover.stdin as Socket).unref();
  return async () => {
    remover.ref();
    remover.stdin?.end();
    await removed;
  };
}
