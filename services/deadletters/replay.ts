/**
 * What a replay puts back into the log. Everything is derived from the dead letter, so that two replays of it, even at once, come to the
 * same: the same cycle of the same delivery, or a record whose ids are known.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { type ChannelDecision, decide, heededHours, type PersonFacts } from "#domain/decide/decide.ts";
import type { Suppression } from "#domain/decide/suppression.ts";
import { deliveryEventName, replayName, scheduledName } from "#domain/ids.ts";
import type { Reason } from "#domain/reasons.ts";
import * as topics from "#domain/topics.ts";
import { joined } from "#domain/way.ts";
import { DeliveryStatus, HopSchema, WaySchema } from "#gen/carillon/common/v1/common_pb.ts";
import {
  type Delivery,
  DeliveryEventSchema,
  DeliverySchema,
  Moment,
  type NotificationRequested,
  NotificationRequestedSchema,
  ScheduledSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { QuietHoursSchema } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Output } from "#platform/log/log.ts";
import { decoded, jsonOf } from "#platform/log/readable.ts";
import { ACCEPTED_AT_HEADER } from "#platform/raw/accepted-at.ts";
import type { RawDoor } from "#platform/raw/door.ts";
import { oversize } from "#platform/stage/outputs.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { acceptedAtMsIn, decode, isDelivery } from "./original.ts";
import type { Letter } from "./store.ts";

/** The delivery that a dead letter is of, whose person and address a replay has to heed; undefined: it is of none. */
export function deliveryOf({ topic, original }: Letter, door: RawDoor): Delivery | undefined {
  const delivery = decode(topic, original, door);
  return isDelivery(delivery) ? delivery.message : undefined;
}

/** What is known as of now. */
export interface FactsNow {
  /** Undefined for a bare address. */
  readonly person: PersonFacts | undefined;
  readonly suppressions: readonly Suppression[];
  /** Everybody whom it is for was, after it had been accepted. */
  readonly erased: boolean;
}

/** The records to append, or why there are none. What the log would refuse, it would refuse for ever. */
export function replayed(letter: Letter, facts: FactsNow, nowMs: number, door: RawDoor): readonly Output[] | Reason {
  const plan = planned(letter, facts, nowMs, door);
  return typeof plan !== "string" && oversize(plan) !== undefined ? "oversize" : plan;
}

function planned(letter: Letter, facts: FactsNow, nowMs: number, door: RawDoor): readonly Output[] | Reason {
  const topic = door.topicNamed(letter.topic);
  if (!topic) return "undecodable";
  if (facts.erased) return "erased";
  if (topics.isRaw(topic)) return [rawAgain(letter, topic, door)];
  const { key, value, headers } = letter.original;
  const original = decoded(topic, letter.original);
  if (!original) return "undecodable";
  if (!isDelivery(original)) return [{ topic, key, value, headers }];
  const decision = decisionNow(original.message, facts, nowMs);
  if (!decision.send) return decision.reasons.at(-1) as Reason;
  const way = joined(original.message.way, letter.way);
  const next = {
    ...heeding(original.message, facts.person),
    ...{ cycle: original.message.cycle + 1, attempt: 0, wait: 0 },
    ...(way && { way: create(WaySchema, { hops: way.hops.map((hop) => create(HopSchema, hop)), leftOut: way.leftOut }) }),
  };
  if (decision.untilMs > 0) return afterQuietHours({ ...next, wait: 1 }, { topic, key, headers }, decision.untilMs, nowMs);
  return [event(next, key, nowMs, DeliveryStatus.QUEUED), { topic, key, value: toBinary(DeliverySchema, next), headers }];
}

function afterQuietHours(next: Delivery, { topic, key, headers = {} }: Omit<Output, "value">, dueAtMs: number, nowMs: number): Output[] {
  const { deliveryId, cycle, attempt, wait } = next;
  const scheduled = create(ScheduledSchema, {
    id: uuidv5(scheduledName(deliveryId, cycle, attempt, wait)),
    ...{ dueAtMs: BigInt(dueAtMs), topic: topic.name, key, value: toBinary(DeliverySchema, next) },
  });
  return [
    event(next, key, nowMs, DeliveryStatus.DEFERRED, { reason: "quiet_hours", dueAtMs: BigInt(dueAtMs) }),
    { topic: topics.schedule, key, value: toBinary(ScheduledSchema, scheduled), headers },
  ];
}

/** Of one whose person was not erased. The decision stands as it was recorded; what can have changed since is whether the person still wants it, and the time. */
function decisionNow(delivery: Delivery, { person, suppressions }: FactsNow, nowMs: number): ChannelDecision {
  const { userId, target, category, channel, priority, expiresAtMs } = delivery;
  const asked = { userId, email: target, actor: "", category, channels: [channel], priority, expiresAtMs: Number(expiresAtMs) };
  return decide({ ...asked, suppressions, erased: false }, person, nowMs).find((each) => each.channel === channel) as ChannelDecision;
}

/** The person's quiet hours as they are now, for its tries. */
function heeding({ quietHours: _, ...delivery }: Delivery, facts: PersonFacts | undefined): Delivery {
  const now = heededHours(delivery, facts);
  if (!now) return { ...delivery, timeZone: "" };
  return { ...delivery, timeZone: now.timeZone, quietHours: create(QuietHoursSchema, now.quietHours) };
}

const words = { [DeliveryStatus.QUEUED]: "queued", [DeliveryStatus.DEFERRED]: "deferred" } as const;

function event(
  { deliveryId, notificationId, environment, userId, channel, target, cycle, attempt, wait, acceptedAtMs }: Delivery,
  key: string,
  nowMs: number,
  status: keyof typeof words,
  more: { readonly reason?: Reason; readonly dueAtMs?: bigint } = {},
): Output {
  const eventId = uuidv5(deliveryEventName(deliveryId, { cycle, attempt, wait, target }, words[status]));
  const event = create(DeliveryEventSchema, {
    ...{ eventId, deliveryId, notificationId, environment, userId, channel, target, cycle, attempt, wait, acceptedAtMs },
    ...{ moment: Moment.DELIVERY, status, atMs: BigInt(nowMs) },
    ...more,
  });
  return { topic: topics.deliveryEvents, key, value: toBinary(DeliveryEventSchema, event) };
}

/**
 * Without an id its place in the log would be its identity, and a second replay another notification. What ingest wrote has one, so it
 * comes back byte for byte, and proves its origin as it did. It stays as old as it is, where it does not say so itself.
 */
function rawAgain(letter: Letter, topic: topics.Topic, door: RawDoor): Output {
  const { id, original } = letter;
  const { key, value } = original;
  const headers = { [ACCEPTED_AT_HEADER]: String(acceptedAtMsOf(letter, door)), ...original.headers };
  const again = (bytes: Uint8Array): Output => ({ topic, key, value: bytes, headers });
  const notificationId = uuidv5(replayName(id));
  const asked = decoded(topic, original)?.message as NotificationRequested | undefined;
  if (asked) return again(asked.notificationId === "" ? toBinary(NotificationRequestedSchema, { ...asked, notificationId }) : value);
  const json = jsonOf(value);
  if (!json || json.notificationId || json.notification_id || json.idempotency_key) return again(value);
  return again(new TextEncoder().encode(JSON.stringify({ ...json, notification_id: notificationId })));
}

/**
 * When it was accepted, or else when it was written; its writer may have put any time on it, so it is one at which the log can have kept it,
 * or else that of its death.
 */
export function acceptedAtMsOf(letter: Letter, door: RawDoor): number {
  const { writtenAtMs, diedAtMs } = letter;
  const isKept = writtenAtMs <= diedAtMs && writtenAtMs >= diedAtMs - topics.RETENTION_MS;
  return acceptedAtMsIn(letter, door) || (isKept ? writtenAtMs : diedAtMs);
}
