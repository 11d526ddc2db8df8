/**
 * The dispatcher: prioritised notifications in, deliveries out.
 *
 * Facts are fetched once per batch; `decide` is pure; the decision is recorded once, then carried out, and its reasons are what Explain
 * shows. A replay carries out the recorded decision, with the same ids.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { nameOfChannel } from "#domain/channels/channel.ts";
import { decide, type PersonFacts } from "#domain/decide/decide.ts";
import { deliveryName, notificationEventName, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import * as topics from "#domain/topics.ts";
import { Channel, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import {
  type DecisionRecord,
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
import { gatherFacts } from "./facts.ts";

/** High before medium before low, but no lane ever waits for an empty one. */
const weights = new Map([
  [topics.high, 16],
  [topics.medium, 4],
  [topics.low, 1],
]);

/** `disabled` channels are used for nobody. */
export const dispatcher = (
  given: Pick<Given, "client" | "ledger" | "clock" | "logger">,
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
    const drafted = batch.records.map(({ value }) => draft(value, facts(value), nowMs, disabled));
    const decided = await given.ledger.decideOnce(drafted.map(({ draft }) => draft));
    for (const [index, received] of batch.records.entries()) {
      const { draft, record } = drafted[index] as Drafted;
      const { first, decision } = decided[index] as Decided;
      const carried = carryOut(received.value, draft.recipient, first ? record : fromBinary(DecisionRecordSchema, decision));
      for (const { deliveryId } of carried.queued)
        given.logger.info({ notificationId: draft.notificationId, deliveryId }, "delivery queued");
      batch.done(received, ...carried.outputs);
    }
  },
});

interface Drafted {
  readonly draft: Draft;
  /** What the draft holds, encoded. */
  readonly record: DecisionRecord;
}

function draft(value: NotificationPrioritized, facts: PersonFacts | undefined, nowMs: number, disabled: readonly Channel[]): Drafted {
  const { notificationId, environment } = value;
  const recipient = recipientWord(value, uuidv5);
  const asked = { ...value, expiresAtMs: Number(value.expiresAtMs) };
  const decisions = decide(asked, facts, nowMs, disabled).map(({ channel, send, reasons, target }) =>
    create(DecisionSchema, {
      ...{ channel, send, reasons: [...reasons], target },
      deliveryId: uuidv5(deliveryName(notificationId, recipient, nameOfChannel(channel), 0)),
    }),
  );
  const record = create(DecisionRecordSchema, { decisions, decidedAtMs: BigInt(nowMs) });
  return { draft: { environment, notificationId, recipient, decision: toBinary(DecisionRecordSchema, record) }, record };
}

/** The lane keeps the urgency that the notification has; the inbox is quick enough to need none. */
const topicOf = (channel: Channel, priority: Priority) => {
  if (channel === Channel.WEB) return topics.web;
  if (priority === Priority.LOW) return topics.email.low;
  return priority >= Priority.HIGH ? topics.email.high : topics.email.medium;
};

/** What a decision comes to: told to the tracker, and a delivery on its way for each channel that is used. */
function carryOut(value: NotificationPrioritized, recipient: string, { decisions, decidedAtMs }: DecisionRecord) {
  const { notificationId, environment, userId, priority, eventType, category, acceptedAtMs, expiresAtMs, content } = value;
  const key = recipientKey(environment, recipient);
  const eventId = uuidv5(notificationEventName(notificationId, recipient, "decided"));
  const about = { eventId, notificationId, environment, userId, atMs: decidedAtMs };
  const event = create(DeliveryEventSchema, { ...about, moment: Moment.DECIDED, decisions });
  const queued = decisions.filter(({ send }) => send);
  const outputs: Output[] = [{ topic: topics.deliveryEvents, key, value: toBinary(DeliveryEventSchema, event) }];
  for (const { channel, deliveryId, target } of queued) {
    const delivery = create(DeliverySchema, {
      ...{ deliveryId, notificationId, environment, userId, channel, target, priority, eventType, category },
      ...{ acceptedAtMs, expiresAtMs, cycle: 1, content },
    });
    outputs.push({ topic: topicOf(channel, priority), key, value: toBinary(DeliverySchema, delivery) });
  }
  return { outputs, queued };
}
