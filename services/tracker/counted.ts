/**
 * What an event adds to the stats: each status that a delivery came to by it. Pure.
 *
 * A decision brings its deliveries to their first status; every later event of a delivery tells one more. So a delivery that waited twice
 * counts as deferred twice. What happened to the notification as a whole counts nowhere: it has no channel.
 */
import { type DeliveryEvent, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { decidedDeliveries } from "./notification.ts";
import type { Counted } from "./store.ts";

export function countedIn(event: DeliveryEvent): readonly Counted[] {
  const { moment, eventId, channel, status } = event;
  if (moment === Moment.DELIVERY) return [{ id: eventId, channel, status }];
  if (moment !== Moment.DECIDED) return [];
  return [...decidedDeliveries({ decided: [event] }).values()].map((delivery) => ({
    ...{ id: delivery.deliveryId, channel: delivery.channel, status: delivery.status },
  }));
}
