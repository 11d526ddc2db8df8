/**
 * What a replay puts back into the log. Everything is derived from the dead letter, so that two replays of it, even at once, come to the
 * same: the same cycle of the same delivery, or a record whose ids are known.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { type ChannelDecision, decide, type PersonFacts } from "#domain/decide/decide.ts";
import { deliveryEventName, replayName, scheduledName } from "#domain/ids.ts";
import type { Reason } from "#domain/reasons.ts";
import * as topics from "#domain/topics.ts";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import {
  type Delivery,
  DeliveryEventSchema,
  DeliverySchema,
  Moment,
  type NotificationRequested,
  NotificationRequestedSchema,
  ScheduledSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import type { Output } from "#platform/log/log.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { decode, isDelivery, jsonOf } from "./original.ts";
import type { Letter } from "./store.ts";

/** Whose choices a replay has to heed: a person's id, or nobody's. */
export function personOf({ topic, original }: Letter): string {
  const decoded = decode(topic, original);
  return isDelivery(decoded) ? decoded.message.userId : "";
}

/** The records to append, or why there are none. `facts` are the person's as of now. */
export function replayed(letter: Letter, facts: PersonFacts | undefined, nowMs: number): readonly Output[] | Reason {
  const topic = topics.topicNamed(letter.topic);
  if (!topic) return "undecodable";
  if (topic === topics.raw) return [rawAgain(letter)];
  const { key, value, headers } = letter.original;
  const decoded = decode(letter.topic, letter.original);
  if (!decoded) return "undecodable";
  if (!isDelivery(decoded)) return [{ topic, key, value, headers }];
  const decision = decisionNow(decoded.message, facts, nowMs);
  if (!decision.send) return decision.reasons.at(-1) as Reason;
  const next = { ...decoded.message, cycle: decoded.message.cycle + 1, attempt: 0, wait: 0 };
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

/** The decision stands as it was recorded; what can have changed since is whether the person still wants it, and the time. */
function decisionNow(delivery: Delivery, facts: PersonFacts | undefined, nowMs: number): ChannelDecision {
  const { userId, target, category, channel, priority, expiresAtMs } = delivery;
  const asked = { userId, email: target, actor: "", category, channels: [channel], priority, expiresAtMs: Number(expiresAtMs) };
  return decide(asked, facts, nowMs).find((each) => each.channel === channel) as ChannelDecision;
}

const words = { [DeliveryStatus.QUEUED]: "queued", [DeliveryStatus.DEFERRED]: "deferred" } as const;

function event(
  { deliveryId, notificationId, environment, userId, channel, target, cycle, attempt, wait }: Delivery,
  key: string,
  nowMs: number,
  status: keyof typeof words,
  more: { readonly reason?: Reason; readonly dueAtMs?: bigint } = {},
): Output {
  const eventId = uuidv5(deliveryEventName(deliveryId, { cycle, attempt, wait, target }, words[status]));
  const event = create(DeliveryEventSchema, {
    ...{ eventId, deliveryId, notificationId, environment, userId, channel, target, cycle, attempt, wait },
    ...{ moment: Moment.DELIVERY, status, atMs: BigInt(nowMs) },
    ...more,
  });
  return { topic: topics.deliveryEvents, key, value: toBinary(DeliveryEventSchema, event) };
}

/** Without an id its place in the log would be its identity, and a second replay another notification. */
function rawAgain({ id, original: { key, value, headers }, topic }: Letter): Output {
  const again = (bytes: Uint8Array): Output => ({ topic: topics.raw, key, value: bytes, headers });
  const notificationId = uuidv5(replayName(id));
  const decoded = decode(topic, { value, headers });
  if (decoded) {
    const asked = decoded.message as NotificationRequested;
    return again(asked.notificationId === "" ? toBinary(NotificationRequestedSchema, { ...asked, notificationId }) : value);
  }
  const json = jsonOf(value);
  if (!json || json.notificationId || json.notification_id) return again(value);
  return again(new TextEncoder().encode(JSON.stringify({ ...json, notificationId })));
}
