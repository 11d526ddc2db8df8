/** What a delivery's stage writes: events for the tracker, and records that come again later. Ids derive, so that a repeat writes the same. */
import { create } from "@bufbuild/protobuf";
import { deliveryEventName, scheduledName } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { further, type Way } from "#domain/way.ts";
import { DeliveryStatus, WaySchema } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, DeliveryEventSchema, DeliverySchema, Moment, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Progress } from "#platform/ledger/ledger.ts";
import type { Output } from "#platform/log/log.ts";
import { encode } from "#platform/protobuf/codec.ts";
import type { Received } from "#platform/stage/stage.ts";
import { uuidv5 } from "#platform/uuid.ts";
import type { Deferred, Ended } from "./outcome.ts";

/** What a provider had to do with it; absent where none was asked. */
export interface Said {
  readonly provider: string;
  readonly providerMessageId?: string;
  readonly detail: string;
  /** Of the providers that were asked before it in the same try, and were out. */
  readonly missed?: readonly Pick<Said, "provider" | "detail">[];
}

export const STAGE = "email-workers";
const DETAIL_MOST_CHARS = 1_000;
const statuses = {
  sent: DeliveryStatus.SENT,
  failed: DeliveryStatus.FAILED,
  dead: DeliveryStatus.DEAD,
  expired: DeliveryStatus.EXPIRED,
  canceled: DeliveryStatus.CANCELED,
  suppressed: DeliveryStatus.SKIPPED,
  erased: DeliveryStatus.SKIPPED,
  unresolved: DeliveryStatus.FAILED,
  deferred: DeliveryStatus.DEFERRED,
} as const;

type Happened = Pick<Ended, "reason" | "attempt"> & { readonly is: keyof typeof statuses; readonly dueAtMs?: number };

/** `by`: the try that this is the end of; of a deferral, the try that it leads to. */
function eventOutput({ record, value }: Received<Delivery>, happened: Happened, by: Progress, nowMs: number, said?: Said): Output {
  const { deliveryId, notificationId, environment, userId, channel, cycle, target, acceptedAtMs } = value;
  const { is, reason, attempt, dueAtMs = 0 } = happened;
  const event = encode(DeliveryEventSchema, {
    eventId: uuidv5(deliveryEventName(deliveryId, { cycle, attempt: by.attempt, wait: by.wait, target }, is)),
    moment: Moment.DELIVERY,
    ...{ deliveryId, notificationId, environment, userId, channel, cycle, target, acceptedAtMs },
    ...{ status: statuses[is], reason, attempt, wait: by.wait, atMs: BigInt(nowMs), dueAtMs: BigInt(dueAtMs) },
    provider: said?.provider ?? "",
    providerMessageId: said?.providerMessageId ?? "",
    detail: said?.detail.slice(0, DETAIL_MOST_CHARS) ?? "",
  });
  return { topic: topics.deliveryEvents, key: record.key, value: event };
}

export const endOutput = (received: Received<Delivery>, end: Ended, nowMs: number, said?: Said): Output =>
  eventOutput(received, end, end.by, nowMs, said);

/** The event, and the same delivery on the same lane when it is due. */
export function deferralOutputs(received: Received<Delivery>, deferred: Deferred, nowMs: number, said?: Said): Output[] {
  const { record, value } = received;
  const { next, dueAtMs } = deferred;
  const scheduled = encode(ScheduledSchema, {
    id: uuidv5(scheduledName(value.deliveryId, value.cycle, next.attempt, next.wait)),
    dueAtMs: BigInt(dueAtMs),
    topic: record.topic.name,
    key: record.key,
    value: encode(DeliverySchema, { ...value, ...next, way: wayOf(received, deferred, nowMs, said) }),
  });
  return [eventOutput(received, deferred, next, nowMs, said), { topic: topics.schedule, key: record.key, value: scheduled }];
}

/** The way so far, with what came of this try. */
function wayOf(received: Received<Delivery>, { reason, attempt, dueAtMs }: Deferred, nowMs: number, said?: Said) {
  const missed = missedOn(received.value.way, received, nowMs, said);
  const { provider, detail } = said ?? { provider: "", detail: "" };
  return create(WaySchema, further(missed, { ...handledHere(received, nowMs), reason, attempt, dueAtMs, provider, detail }));
}

/** A way past the providers that this try has missed. */
export function missedOn(way: Way | undefined, received: Received<Delivery>, nowMs: number, said?: Said): Way | undefined {
  const here = { ...handledHere(received, nowMs), reason: "provider_unavailable" } as const;
  return (said?.missed ?? []).reduce((so: Way | undefined, { provider, detail }) => further(so, { ...here, provider, detail }), way);
}

const handledHere = ({ record, value: { cycle } }: Received<Delivery>, atMs: number) => ({
  ...{ topic: record.topic.name, stage: STAGE, cycle, sinceMs: record.timeMs, atMs },
});
