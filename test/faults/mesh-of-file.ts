/** The faults of a file, each a test of its own, on one mesh that they share. */
import { afterAll, it } from "vitest";
import type { OwnMesh } from "../engines/own.ts";
import type { Fault } from "./fault.ts";
import { type FaultMesh, type MeshForm, startFaultMesh } from "./mesh.ts";
import { ownEngines } from "./own-engines.ts";
import { expectRecount, type Sent } from "./recount.ts";
import { runFault } from "./run-fault.ts";

export interface FileForm extends MeshForm {
  readonly brokers: 1 | 3;
}

export interface MeshOfFile {
  /** For what else the file tries on them. */
  readonly own: () => OwnMesh;
  /** To be called last: one more test, over all of the mesh's life. */
  recount(): void;
}

const STOP_MS = 60_000;
/** Far above what any takes: a machine that others use too is slow. */
const FAULT_MS = 1_200_000;

export function meshOfFile({ brokers, ...form }: FileForm, faults: readonly Fault[]): MeshOfFile {
  const own = ownEngines(brokers);
  let started: Promise<FaultMesh> | undefined;
  const sent: Sent[] = [];
  let begun = 0;
  afterAll(async () => (await started)?.stop(), STOP_MS);
  it.each(faults.map((fault) => [fault.name, fault] as const))("%s", { timeout: FAULT_MS }, async (_name, fault) => {
    begun++;
    started ??= startFaultMesh(own(), form);
    sent.push(await runFault(await started, fault));
  });
  return {
    own,
    recount() {
      it("over all of that the stats are a recount of the history", async ({ skip }) => {
        if (!started || sent.length < begun) return skip("What was sent is not known: a fault before this failed, or none was run.");
        await expectRecount((await started).url, sent);
      });
    },
  };
}
