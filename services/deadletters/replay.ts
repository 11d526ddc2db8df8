/**
 * What a replay puts back into the log. Everything is derived from the dead letter, so that two replays of it, even at once, come to the
 * same: the same cycle of the same delivery, or a record whose ids are known.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { decide, type PersonFacts } from "#domain/decide/decide.ts";
import { deliveryEventName, replayName } from "#domain/ids.ts";
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
  const against = refusal(decoded.message, facts, nowMs);
  if (against) return against;
  const next = { ...decoded.message, cycle: decoded.message.cycle + 1, attempt: 0, wait: 0 };
  return [queuedEvent(next, key, nowMs), { topic, key, value: toBinary(DeliverySchema, next), headers }];
}

/** The decision stands as it was recorded; what can have changed since is whether the person still wants it, and the time. */
function refusal(delivery: Delivery, facts: PersonFacts | undefined, nowMs: number): Reason | undefined {
  const { userId, target, category, channel, priority, expiresAtMs } = delivery;
  const asked = { userId, email: target, actor: "", category, channels: [channel], priority, expiresAtMs: Number(expiresAtMs) };
  const decision = decide(asked, facts, nowMs).find((each) => each.channel === channel);
  return decision?.send ? undefined : decision?.reasons.at(-1);
}

function queuedEvent({ deliveryId, notificationId, environment, userId, channel, target, cycle }: Delivery, key: string, nowMs: number) {
  const eventId = uuidv5(deliveryEventName(deliveryId, { cycle, attempt: 0, wait: 0, target }, "queued"));
  const event = create(DeliveryEventSchema, {
    ...{ eventId, deliveryId, notificationId, environment, userId, channel, target, cycle },
    ...{ moment: Moment.DELIVERY, status: DeliveryStatus.QUEUED, atMs: BigInt(nowMs) },
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
