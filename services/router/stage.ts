/**
 * The router: what was asked in, one prioritised notification per recipient out.
 *
 * It settles what a writer of the raw topic may have left open (id, category, priority, times, the version of a template), tells the
 * tracker, and buries what it cannot understand. It knows nothing of people.
 */
import { create, fromBinary, fromJsonString, toBinary } from "@bufbuild/protobuf";
import { settleCategory } from "#domain/decide/category.ts";
import { settlePriority } from "#domain/decide/priority.ts";
import { notificationEventName, rawEventName, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import * as topics from "#domain/topics.ts";
import { ContentSchema, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeliveryEventSchema,
  Moment,
  NotificationPrioritizedSchema,
  type NotificationRequested,
  NotificationRequestedSchema,
  UsedTemplateSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { LogRecord, Output } from "#platform/log/log.ts";
import { pin } from "#platform/render/pin.ts";
import type { Versions } from "#platform/render/versions.ts";
import type { Stage } from "#platform/stage/stage.ts";
import { uuidv5 } from "#platform/uuid.ts";

const EXPIRY_MS = 3 * 24 * 3_600_000;

/** The raw topic is the public door: Protobuf where the header says so, JSON otherwise. */
function decodeRaw({ value, headers }: LogRecord): NotificationRequested {
  const type = headers["content-type"] ?? "application/json";
  if (type === "application/protobuf") return fromBinary(NotificationRequestedSchema, value);
  return fromJsonString(NotificationRequestedSchema, new TextDecoder("utf-8", { fatal: true }).decode(value));
}

/** Fills in what was left open. The same record settles the same way every time it is read. */
function settle(asked: NotificationRequested, environment: string, { topic, partition, offset, timeMs }: LogRecord): NotificationRequested {
  const acceptedAtMs = asked.acceptedAtMs || BigInt(timeMs);
  return {
    ...asked,
    environment: asked.environment || environment,
    notificationId: asked.notificationId || uuidv5(rawEventName(topic.name, partition, offset, timeMs)),
    category: settleCategory(asked.category, asked.eventType),
    acceptedAtMs,
    expiresAtMs: asked.expiresAtMs || acceptedAtMs + BigInt(EXPIRY_MS),
  };
}

const laneOf = (priority: Priority) => {
  if (priority === Priority.LOW) return topics.low;
  return priority >= Priority.HIGH ? topics.high : topics.medium;
};

/** The same again with its template pinned, or what is wrong with that. What ingest has accepted comes pinned, and keeps its version. */
async function pinned(asked: NotificationRequested, versions: Versions): Promise<NotificationRequested | string> {
  if (!asked.template) return asked;
  if (asked.content) return "template: stands beside content";
  const { pinned: template, violations } = await pin(versions, asked.environment, asked.template, asked.channels);
  return template ? { ...asked, template } : violations.map(({ field, description }) => `${field}: ${description}`).join("; ");
}

export const router = (needs: { clock: Clock; versions: Versions; environment: string }): Stage<NotificationRequested> => ({
  name: "router",
  reads: [topics.raw],
  writes: [topics.high, topics.medium, topics.low, topics.deliveryEvents],
  deadLetters: topics.deadNotifications,
  decode: decodeRaw,
  async handle(batch) {
    for (const received of batch.records) {
      const { record, value } = received;
      if (value.recipients.length === 0 || value.recipients.some((each) => each.userId === "" && each.email === ""))
        batch.bury(received, "invalid", "recipients: each needs a user_id or an email, and there must be one");
      else if (value.environment !== "" && value.environment !== needs.environment)
        batch.bury(received, "invalid", "environment: this topic belongs to another one");
      else {
        const asked = await pinned(settle(value, needs.environment, record), needs.versions);
        if (typeof asked === "string") batch.bury(received, "invalid", asked);
        else batch.done(received, ...route(asked, record, needs.clock.nowMs()));
      }
    }
  },
});

function route(asked: NotificationRequested, record: LogRecord, nowMs: number): Output[] {
  const { notificationId, environment, actor, eventType, category, channels, acceptedAtMs, expiresAtMs } = asked;
  const words = {
    content: asked.content ? toBinary(ContentSchema, asked.content) : new Uint8Array(),
    template: asked.template ? toBinary(UsedTemplateSchema, asked.template) : new Uint8Array(),
    locale: asked.template?.locale ?? "",
    wordedChannels: asked.template?.channels ?? [],
  };
  const priority = settlePriority(asked.priority, eventType, category, asked.recipients.length);
  const requested: Output = {
    topic: topics.deliveryEvents,
    key: record.key || recipientKey(environment, notificationId),
    value: toBinary(
      DeliveryEventSchema,
      create(DeliveryEventSchema, {
        eventId: uuidv5(notificationEventName(notificationId, "", "requested")),
        moment: Moment.REQUESTED,
        notificationId,
        environment,
        atMs: BigInt(nowMs),
        requested: toBinary(NotificationRequestedSchema, asked),
      }),
    ),
  };
  const byRecipient = new Map(asked.recipients.map((each) => [recipientWord(each, uuidv5), each]));
  const prioritized = [...byRecipient].map(
    ([word, { userId, email }]): Output => ({
      topic: laneOf(priority),
      key: recipientKey(environment, word),
      value: toBinary(
        NotificationPrioritizedSchema,
        create(NotificationPrioritizedSchema, {
          notificationId,
          environment,
          userId,
          email,
          actor,
          eventType,
          category,
          channels,
          priority,
          acceptedAtMs,
          expiresAtMs,
          ...words,
        }),
      ),
    }),
  );
  return [requested, ...prioritized];
}
