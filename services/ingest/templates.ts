/** The templates that requests name: each pinned to the version that is live, its data checked. */
import type { SendRequest } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { type Pinned, pin } from "#platform/render/pin.ts";
import type { Versions } from "#platform/render/versions.ts";

/** Undefined where no template is named. Rejects while the templates cannot be read. */
export type Pinning = (request: SendRequest, environment: string) => Promise<Pinned | undefined>;

export const pinning =
  (versions: Versions): Pinning =>
  async ({ template, channels }, environment) =>
    template && pin(versions, environment, { ...template, version: 0 }, channels);
