/**
 * The templates that requests name: each pinned to the version that is live, its data checked.
 *
 * A repeat of a key is answered as it was the first time. So where a template fails, because it was archived meanwhile for example, the
 * first request with that key is asked for the version that was pinned then.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { Problem } from "#domain/errors.ts";
import { NotificationRequestedSchema, type UsedTemplate } from "#gen/carillon/event/v1/event_pb.ts";
import type { SendRequest } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { pin } from "#platform/render/pin.ts";
import type { Versions } from "#platform/render/versions.ts";
import { keyedId } from "./accept.ts";
import type { Reservations } from "./reservations.ts";

/** Undefined where no template is named. Throws Problem. */
export type Pinning = (request: SendRequest, environment: string) => Promise<UsedTemplate | undefined>;

export const pinning =
  (versions: Versions, reservations: Pick<Reservations, "get">): Pinning =>
  async (request, environment) => {
    const { template, channels, idempotencyKey } = request;
    if (!template) return undefined;
    const { pinned, violations } = await pin(versions, environment, { ...template, version: 0 }, channels);
    if (pinned) return pinned;
    const earlier = idempotencyKey === "" ? undefined : await reservations.get(environment, keyedId(request, environment));
    if (!earlier) throw new Problem("INVALID_REQUEST", { violations });
    return fromBinary(NotificationRequestedSchema, earlier.requested).template;
  };
