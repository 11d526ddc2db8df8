/**
 * The dispatcher: prioritised notifications in, deliveries out.
 *
 * Facts are fetched once per batch; `decide` is pure; the decision is recorded once, then carried out, and its reasons are what Explain
 * shows. A replay carries out the recorded decision, with the same ids.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { nameOfChannel } from "#domain/channels/channel.ts";
import { decide } from "#domain/decide/decide.ts";
import { deliveryEventName, deliveryName, notificationEventName, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import * as topics from "#domain/topics.ts";
import { Channel, DeliveryStatus, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import {
  type Decision,
  DecisionRecordSchema,
  DecisionSchema,
  DeliveryEventSchema,
  DeliverySchema,
  Moment,
  type NotificationPrioritized,
} from "#gen/carillon/event/v1/event_pb.ts";
import type { Given } from "#platform/host.ts";
import type { Decided, Draft } from "#platform/ledger/ledger.ts";
import type { Output } from "#platform/log/log.ts";
import type { Stage } from "#platform/stage/stage.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { type Facts, gatherFacts } from "./facts.ts";

/** High before medium before low, but no lane ever waits for an empty one. */
const weights = new Map([
  [topics.high, 16],
  [topics.medium, 4],
  [topics.low, 1],
]);

/** `disabled` channels are used for nobody. */
export const dispatcher = (
  given: Pick<Given, "client" | "ledger" | "clock">,
  disabled: readonly Channel[] = [],
): Stage<NotificationPrioritized> => ({
  name: "dispatcher",
  reads: [topics.high, topics.medium, topics.low],
  writes: [topics.email.high, topics.email.medium, topics.email.low, topics.web, topics.deliveryEvents],
  deadLetters: topics.deadNotifications,
  weights,
  async handle(batch) {
    const nowMs = given.clock.nowMs();
    const facts = await gatherFacts(
      given,
      batch.records.map(({ value }) => value),
    );
    const decided = await given.ledger.decideOnce(batch.records.map(({ value }) => draft(value, facts, nowMs, disabled)));
    for (const [index, received] of batch.records.entries()) {
      const { decision, first } = decided[index] as Decided;
      received.span?.event("decided", { "carillon.first": first });
      const recorded = fromBinary(DecisionRecordSchema, decision);
      batch.done(received, ...carryOut(received.value, recorded.decisions, recorded.decidedAtMs));
    }
  },
});

const wordOf = (value: NotificationPrioritized) => recipientWord(value, uuidv5);

function draft(value: NotificationPrioritized, facts: Facts, nowMs: number, disabled: readonly Channel[]): Draft {
  const recipient = wordOf(value);
  const decisions = decide({ ...value, expiresAtMs: Number(value.expiresAtMs) }, facts(value), nowMs, disabled).map(
    ({ channel, send, reasons, target }) =>
      create(DecisionSchema, {
        channel,
        send,
        reasons: [...reasons],
        target,
        deliveryId: uuidv5(deliveryName(value.notificationId, recipient, nameOfChannel(channel), 0)),
      }),
  );
  return {
    environment: value.environment,
    notificationId: value.notificationId,
    recipient,
    decision: toBinary(DecisionRecordSchema, create(DecisionRecordSchema, { decisions, decidedAtMs: BigInt(nowMs) })),
  };
}

/** The lane keeps the urgency that the notification has; the inbox is quick enough to need none. */
const topicOf = (channel: Channel, priority: Priority) => {
  if (channel === Channel.WEB) return topics.web;
  if (priority === Priority.LOW) return topics.email.low;
  return priority >= Priority.HIGH ? topics.email.high : topics.email.medium;
};

function carryOut(value: NotificationPrioritized, decisions: readonly Decision[], atMs: bigint): Output[] {
  const { notificationId, environment, userId } = value;
  const recipient = wordOf(value);
  const key = recipientKey(environment, recipient);
  const about = { notificationId, environment, userId, atMs };
  const event = (init: object): Output => ({
    topic: topics.deliveryEvents,
    key,
    value: toBinary(DeliveryEventSchema, create(DeliveryEventSchema, { ...about, ...init })),
  });
  const eventId = uuidv5(notificationEventName(notificationId, recipient, "decided"));
  const outputs = [event({ eventId, moment: Moment.DECIDED, decisions })];
  for (const { channel, deliveryId, send, target } of decisions) {
    if (!send) continue;
    const delivery = create(DeliverySchema, {
      deliveryId,
      notificationId,
      environment,
      userId,
      channel,
      target,
      priority: value.priority,
      eventType: value.eventType,
      category: value.category,
      acceptedAtMs: value.acceptedAtMs,
      expiresAtMs: value.expiresAtMs,
      cycle: 1,
      content: value.content,
    });
    const queued = uuidv5(deliveryEventName(deliveryId, { cycle: 1, attempt: 0, wait: 0, target }, "queued"));
    outputs.push(
      { topic: topicOf(channel, value.priority), key, value: toBinary(DeliverySchema, delivery) },
      event({ eventId: queued, moment: Moment.DELIVERY, deliveryId, channel, target, cycle: 1, status: DeliveryStatus.QUEUED }),
    );
  }
  return outputs;
}
