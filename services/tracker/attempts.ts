/** The attempts of a notification that reached for a provider, derived from its history. Pure. */
import { create } from "@bufbuild/protobuf";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { DeliveryEvent } from "#gen/carillon/event/v1/event_pb.ts";
import { type Attempt, AttemptSchema } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { History } from "./history.ts";

/** An outage counts no attempt, but somebody tried the door; who only waited for an open breaker names no provider. */
const reachedOut = ({ attempt, status, reason, provider }: DeliveryEvent): boolean =>
  status !== DeliveryStatus.QUEUED &&
  (attempt > 0 ||
    status === DeliveryStatus.SENT ||
    (status === DeliveryStatus.DEFERRED && reason === "provider_unavailable" && provider !== ""));

/** Oldest first. */
export const attemptsOf = ({ changes }: History): Attempt[] =>
  changes
    .filter(reachedOut)
    .map(({ deliveryId, channel, target, cycle, attempt, atMs, status, reason, detail, provider, providerMessageId }) =>
      create(AttemptSchema, {
        ...{ deliveryId, channel, target, cycle, attempt, atMs, status, reason, detail, provider, providerMessageId },
      }),
    );
