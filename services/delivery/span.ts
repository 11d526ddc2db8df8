/** The span of one send to a provider. Whom it goes to and what it says stays out of it. */
import { nameOfChannel } from "#domain/channels/channel.ts";
import type { Delivery } from "#gen/carillon/event/v1/event_pb.ts";
import type { Received } from "#platform/stage/stage.ts";
import type { Span, Tracer } from "#platform/telemetry/trace.ts";

export function sendSpan(tracer: Tracer, { value, traceparent }: Received<Delivery>, provider: string): Span | undefined {
  const span = tracer.within(traceparent, `send ${provider}`, "client");
  span?.set({
    "carillon.notification.id": value.notificationId,
    "carillon.delivery.id": value.deliveryId,
    "carillon.channel": nameOfChannel(value.channel),
    "carillon.provider": provider,
    "carillon.attempt": value.attempt + 1,
    "carillon.wait": value.wait,
    "carillon.cycle": value.cycle,
  });
  return span;
}
