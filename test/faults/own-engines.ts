/** Engines for all tests of a file. Where they cannot be had its tests are skipped, and say how to get them. */
import { afterAll, beforeAll, beforeEach } from "vitest";
import { EnginesMissing } from "../../deploy/local/problem.ts";
import { type OwnMesh, startOwnMesh } from "../engines/own.ts";

const START_MS = 600_000;

export function ownEngines(brokers: 1 | 3): () => OwnMesh {
  let own: OwnMesh | EnginesMissing | undefined;
  beforeAll(async () => {
    own = await startOwnMesh(brokers).catch((error) => {
      if (error instanceof EnginesMissing) return error;
      throw error;
    });
  }, START_MS);
  beforeEach(({ skip }) => {
    if (own instanceof EnginesMissing) skip(own.message);
  });
  afterAll(async () => {
    if (own && !(own instanceof EnginesMissing)) await own.stop();
  }, START_MS);
  return () => own as OwnMesh;
}
