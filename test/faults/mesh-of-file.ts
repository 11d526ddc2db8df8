/** The faults of a file, each a test of its own, on one mesh that they share; answers the engines, for what else the file tries on them. */
import { afterAll, it } from "vitest";
import type { OwnMesh } from "../engines/own.ts";
import type { Fault } from "./fault.ts";
import { type FaultMesh, type MeshForm, startFaultMesh } from "./mesh.ts";
import { ownEngines } from "./own-engines.ts";
import { runFault } from "./run-fault.ts";

export interface FileForm extends MeshForm {
  readonly brokers: 1 | 3;
}

const STOP_MS = 60_000;

export function meshOfFile({ brokers, ...form }: FileForm, faults: readonly Fault[]): () => OwnMesh {
  const own = ownEngines(brokers);
  let started: Promise<FaultMesh> | undefined;
  afterAll(async () => (await started)?.stop(), STOP_MS);
  it.each(faults.map((fault) => [fault.name, fault] as const))("%s", async (_name, fault) => {
    started ??= startFaultMesh(own(), form);
    await runFault(await started, fault);
  });
  return own;
}
