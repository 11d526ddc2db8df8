/** A fault of the mesh, as a row: what is broken, under which load, how it is healed, and what may repeat for it and why. */
import type { FaultMesh } from "./mesh.ts";

export interface Fault {
  /** As docs/reliability.md shows it. Of a test of its own. */
  readonly name: string;
  readonly perSecond: number;
  /** Every second notification is of a category that is sent at most once: none of those is repeated, whatever else may be. */
  readonly mixed?: boolean;
  /** How many sends may repeat in all, and by which part of the promise; none unless it says so. */
  readonly allowed?: { readonly repeats: number; readonly why: string };
  /** One after the other. */
  readonly steps: readonly Step[];
  /** What is said of processes of Carillon's that end by it, in order; none unless it says so. */
  readonly ends?: readonly string[];
  /** How long what was sent may be on the wire after its sender has given it up. */
  readonly onTheWayMs?: number;
  /** What else has to hold when all is quiet. */
  readonly proves?: (mesh: FaultMesh) => Promise<void>;
}

export interface Step {
  /** Under load. */
  break(mesh: FaultMesh): unknown;
  /** How long it stays so: until so many more have been acknowledged all the same, or for so long. Default: not at all. */
  readonly lasts?: { readonly acknowledged: number } | { readonly ms: number };
  /** Called in any case, also when what is above failed: others use the mesh after it. */
  heal?(mesh: FaultMesh): unknown;
  /** What has to be acknowledged after it. Default: five seconds of the load. */
  readonly afterwards?: number;
}
