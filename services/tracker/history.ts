/**
 * What is known to have happened to one notification: its events, each once, in the order that things happened.
 *
 * Pure. Events may come in any order and repeatedly; the history of the same set of events is always the same.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { rankOf } from "#domain/decide/status.ts";
import {
  type DeliveryEvent,
  DeliveryEventSchema,
  Moment,
  type NotificationRequested,
  NotificationRequestedSchema,
} from "#gen/carillon/event/v1/event_pb.ts";

export interface History {
  readonly notificationId: string;
  /** Undefined until the event with the request has come, or ingest has told. */
  readonly requested: NotificationRequested | undefined;
  /** MOMENT_DECIDED: one per recipient. */
  readonly decided: readonly DeliveryEvent[];
  /** MOMENT_DELIVERY: what became of the deliveries. */
  readonly changes: readonly DeliveryEvent[];
  /** MOMENT_REFUSED. */
  readonly refused: readonly DeliveryEvent[];
  /** MOMENT_CANCELED: one at most. */
  readonly canceled: DeliveryEvent | undefined;
  readonly lastAtMs: bigint;
  /** Everybody whom it was for was erased since it was accepted, at this time; there is nothing else. */
  readonly erased?: { readonly acceptedAtMs: bigint };
}

export const decodeRequested = (bytes: Uint8Array): NotificationRequested => fromBinary(NotificationRequestedSchema, bytes);

export const readHistory = (notificationId: string, events: readonly Uint8Array[]): History =>
  historyOf(
    notificationId,
    events.map((bytes) => fromBinary(DeliveryEventSchema, bytes)),
  );

export function historyOf(notificationId: string, events: readonly DeliveryEvent[]): History {
  const ordered = [...new Map(events.map((event) => [event.eventId, event])).values()].sort(inOrder);
  const of = (moment: Moment) => ordered.filter((event) => event.moment === moment);
  const [asked] = of(Moment.REQUESTED);
  return {
    notificationId,
    requested: asked && decodeRequested(asked.requested),
    decided: of(Moment.DECIDED),
    changes: of(Moment.DELIVERY),
    refused: of(Moment.REFUSED),
    canceled: of(Moment.CANCELED)[0],
    lastAtMs: ordered.at(-1)?.atMs ?? 0n,
  };
}

/** Of a notification of which nothing else may be told. */
export const erasedHistory = (notificationId: string, acceptedAtMs: bigint): History => ({
  ...historyOf(notificationId, []),
  erased: { acceptedAtMs },
});

/** By time; where clocks are too coarse to tell, by what must have come first. */
function inOrder(a: DeliveryEvent, b: DeliveryEvent): number {
  return (
    Number(a.atMs - b.atMs) ||
    a.moment - b.moment ||
    a.cycle - b.cycle ||
    rankOf(a.status) - rankOf(b.status) ||
    a.attempt - b.attempt ||
    a.wait - b.wait ||
    a.channel - b.channel ||
    compareText(a.eventId, b.eventId)
  );
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
