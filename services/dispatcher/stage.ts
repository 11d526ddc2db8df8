/**
 * The dispatcher: prioritised notifications in, deliveries out.
 *
 * Facts are fetched once per batch; `decide` is pure; the decision is recorded once, then carried out, and its reasons are what Explain
 * shows. A replay carries out the recorded decision, with the same ids. What was decided to wait for the end of quiet hours goes out then
 * as it was decided; the hours go along, since later tries have to heed them too. What the runner gives up on is refused for its recipient, who would otherwise be waited for.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { nameOfChannel } from "#domain/channels/channel.ts";
import { decide, heededHours } from "#domain/decide/decide.ts";
import { deliveryName, notificationEventName, recipientKey, scheduledName } from "#domain/ids.ts";
import { localeFor } from "#domain/locale.ts";
import type { Reason } from "#domain/reasons.ts";
import { recipientWord } from "#domain/recipient.ts";
import type { Topic } from "#domain/topics.ts";
import * as topics from "#domain/topics.ts";
import { Channel, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import {
  type DecisionRecord,
  DecisionRecordSchema,
  DecisionSchema,
  type Delivery,
  DeliveryEventSchema,
  DeliverySchema,
  Moment,
  type NotificationPrioritized,
  ScheduledSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import type { Given } from "#platform/host.ts";
import { decodeDecision, encodeDecision } from "#platform/ledger/decision.ts";
import type { Decided, Draft } from "#platform/ledger/ledger.ts";
import type { Output } from "#platform/log/log.ts";
import { encode } from "#platform/protobuf/codec.ts";
import type { Stage } from "#platform/stage/stage.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { type Facts, gatherFacts } from "./facts.ts";

/** High before medium before low, but no lane ever waits for an empty one. */
const weights = new Map([
  [topics.high, 16],
  [topics.medium, 4],
  [topics.low, 1],
]);

const DETAIL_MOST_CHARS = 1_000;

/** `disabled` channels are used for nobody. */
export const dispatcher = (
  given: Pick<Given, "client" | "ledger" | "clock" | "logger">,
  disabled: readonly Channel[] = [],
): Stage<NotificationPrioritized> => ({
  name: "dispatcher",
  reads: [topics.high, topics.medium, topics.low],
  writes: [topics.email.high, topics.email.medium, topics.email.low, topics.web, topics.schedule, topics.deliveryEvents],
  deadLetters: topics.deadNotifications,
  weights,
  async handle(batch) {
    const nowMs = given.clock.nowMs();
    const facts = await gatherFacts(
      given,
      batch.records.map(({ value }) => value),
    );
    const drafted = batch.records.map(({ value }) => draft(value, facts, nowMs, disabled));
    const decided = await given.ledger.decideOnce(drafted.map(({ draft }) => draft));
    for (const [index, received] of batch.records.entries()) {
      const { draft, record } = drafted[index] as Drafted;
      const { first, decision, canceled } = decided[index] as Decided;
      received.span?.event("decided", { "carillon.first": first });
      const recorded = first ? record : decodeDecision(decision);
      // Deciding anew might send what went out already.
      if (recorded === undefined) {
        const told = { reason: "ledger_malformed", detail: UNREADABLE, nowMs } as const;
        given.logger.warn({ notificationId: draft.notificationId, reason: told.reason }, "recipient refused");
        batch.bury(received, told.reason, told.detail, refusal(received.value, received.record.key, told));
        continue;
      }
      const carried = carryOut(received.value, draft.recipient, canceled ? withdrawn(recorded) : recorded);
      const { notificationId } = draft;
      for (const { deliveryId, untilMs } of carried.queued)
        given.logger.info({ notificationId, deliveryId }, untilMs > 0n ? "delivery deferred" : "delivery queued");
      for (const { deliveryId, channel, reasons } of carried.skipped)
        given.logger.info({ notificationId, deliveryId, channel: nameOfChannel(channel), reason: reasons.at(-1) }, "delivery skipped");
      batch.done(received, ...carried.outputs);
    }
  },
  givenUp: ({ key }, value, reason, detail) => (value ? [refusal(value, key, { reason, detail, nowMs: given.clock.nowMs() })] : []),
});

/** A bare address is told by itself: without a person and an address it would be everybody who is refused. */
function refusal(
  value: NotificationPrioritized,
  key: string,
  { reason, detail, nowMs }: { reason: Reason; detail: string; nowMs: number },
): Output {
  const { notificationId, environment, userId, email, acceptedAtMs } = value;
  const eventId = uuidv5(notificationEventName(notificationId, recipientWord(value, uuidv5), "refused"));
  const about = { eventId, notificationId, environment, userId, target: userId === "" ? email : "", atMs: BigInt(nowMs), acceptedAtMs };
  const told = { moment: Moment.REFUSED, reason, detail: detail.slice(0, DETAIL_MOST_CHARS) };
  return { topic: topics.deliveryEvents, key, value: encode(DeliveryEventSchema, { ...about, ...told }) };
}

interface Drafted {
  readonly draft: Draft;
  /** What the draft holds, encoded. */
  readonly record: DecisionRecord;
}

function draft(value: NotificationPrioritized, all: Facts, nowMs: number, disabled: readonly Channel[]): Drafted {
  const { notificationId, environment } = value;
  const recipient = recipientWord(value, uuidv5);
  const facts = all.of(value);
  const asked = {
    ...value,
    expiresAtMs: Number(value.expiresAtMs),
    suppressions: all.suppressions(environment),
    erased: all.isErased(value),
  };
  const locale = value.template.length === 0 ? "" : localeFor(value.locale, facts?.locale ?? "");
  const decisions = decide(asked, facts, nowMs, disabled).map(({ channel, send, reasons, target, untilMs }) =>
    create(DecisionSchema, {
      ...{ channel, send, reasons: [...reasons], target, untilMs: BigInt(untilMs), locale: send ? locale : "" },
      deliveryId: uuidv5(deliveryName(notificationId, recipient, nameOfChannel(channel), 0)),
    }),
  );
  const atMostOnce = all.isAtMostOnce(value);
  const record = create(DecisionRecordSchema, { decisions, decidedAtMs: BigInt(nowMs), ...heededHours(asked, facts), atMostOnce });
  return { draft: { environment, notificationId, recipient, decision: encodeDecision(record) }, record };
}

const UNREADABLE = "the recorded decision cannot be read";

/** Canceled before it was carried out: what would have been sent is not. */
const withdrawn = (record: DecisionRecord): DecisionRecord => ({
  ...record,
  decisions: record.decisions.map((decision) =>
    decision.send ? { ...decision, send: false, reasons: [...decision.reasons, "canceled" satisfies Reason] } : decision,
  ),
});

/** The lane keeps the urgency that the notification has; the inbox is quick enough to need none. */
const topicOf = (channel: Channel, priority: Priority) => {
  if (channel === Channel.WEB) return topics.web;
  if (priority === Priority.LOW) return topics.email.low;
  return priority >= Priority.HIGH ? topics.email.high : topics.email.medium;
};

/** Not a decision against anything: the sender asked for other channels. */
const UNASKED: Reason = "not_requested";

/** What a decision comes to: told to the tracker, and a delivery on its way for each channel that is used. */
function carryOut(value: NotificationPrioritized, recipient: string, record: DecisionRecord) {
  const { decisions, decidedAtMs, quietHours, timeZone, atMostOnce } = record;
  const { notificationId, environment, userId, priority, eventType, category, acceptedAtMs, expiresAtMs, content, template } = value;
  const key = recipientKey(environment, recipient);
  const eventId = uuidv5(notificationEventName(notificationId, recipient, "decided"));
  const about = { eventId, notificationId, environment, userId, atMs: decidedAtMs, acceptedAtMs };
  const event = encode(DeliveryEventSchema, { ...about, moment: Moment.DECIDED, decisions, atMostOnce });
  const queued = decisions.filter(({ send }) => send);
  const outputs: Output[] = [{ topic: topics.deliveryEvents, key, value: event }];
  for (const { channel, deliveryId, target, untilMs, locale } of queued) {
    const delivery = {
      ...{ deliveryId, notificationId, environment, userId, channel, target, priority, eventType, category },
      ...{ acceptedAtMs, expiresAtMs, cycle: 1, content, template, locale, atMostOnce },
      ...(quietHours && { quietHours, timeZone }),
    };
    const topic = topicOf(channel, priority);
    outputs.push(
      untilMs > 0n ? later(delivery, { topic, key, dueAtMs: untilMs }) : { topic, key, value: encode(DeliverySchema, delivery) },
    );
  }
  return { outputs, queued, skipped: decisions.filter(({ send, reasons }) => !send && reasons.at(-1) !== UNASKED) };
}

/** Its first wait, which burns no attempt. */
function later(
  delivery: MessageInitShape<typeof DeliverySchema> & Pick<Delivery, "deliveryId" | "cycle">,
  { topic, key, dueAtMs }: { topic: Topic; key: string; dueAtMs: bigint },
): Output {
  const { deliveryId, cycle } = delivery;
  const id = uuidv5(scheduledName(deliveryId, cycle, 0, 1));
  const value = encode(DeliverySchema, { ...delivery, wait: 1 });
  const scheduled = encode(ScheduledSchema, { id, dueAtMs, topic: topic.name, key, value });
  return { topic: topics.schedule, key, value: scheduled };
}
