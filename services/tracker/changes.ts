/**
 * What changed between two looks at a notification's history: every change of a delivery, not only where it ended up. Pure.
 *
 * Events may come late and in any order; one that takes no delivery further changes nothing.
 */
import { equals } from "@bufbuild/protobuf";
import type { DeliveryEvent } from "#gen/carillon/event/v1/event_pb.ts";
import { type Delivery, DeliverySchema } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { History } from "./history.ts";
import { changedDelivery, decidedDeliveries } from "./notification.ts";

/** Deliveries as they stood after each change, oldest first. `now` is `known` and what came since. */
export function changesSince(known: History, now: History): Delivery[] {
  const told = new Set(known.changes.map(({ eventId }) => eventId));
  const before = Map.groupBy(known.changes, ({ deliveryId }) => deliveryId);
  const since = Map.groupBy(
    now.changes.filter(({ eventId }) => !told.has(eventId)),
    ({ deliveryId }) => deliveryId,
  );
  const decidedBefore = decidedDeliveries(known);
  const decidedNow = decidedDeliveries(now);
  const changes = [...new Set([...decidedNow.keys(), ...since.keys()])].flatMap((deliveryId) => {
    const events = [...(before.get(deliveryId) ?? [])];
    const decided = decidedNow.get(deliveryId);
    const steps = [standing(events, decidedBefore.get(deliveryId)), standing(events, decided)];
    for (const event of since.get(deliveryId) ?? []) {
      events.push(event);
      steps.push(standing(events, decided));
    }
    return steps.filter((step, at) => at > 0 && step && !isSame(step, steps[at - 1])) as Delivery[];
  });
  return changes.sort((a, b) => Number(a.updatedAtMs - b.updatedAtMs));
}

const standing = (events: readonly DeliveryEvent[], decided: Delivery | undefined): Delivery | undefined =>
  events.length > 0 ? changedDelivery(events, decided) : decided;

const isSame = (a: Delivery, b: Delivery | undefined) => b !== undefined && equals(DeliverySchema, a, b);
