/**
 * The topics of the event log: name, what a record holds, how many partitions, and how long records are kept.
 *
 * Partition counts never change on a live topic. Keys are made by domain/ids.
 */
import type { DescMessage } from "@bufbuild/protobuf";
import {
  DeadLetterSchema,
  DeliveryEventSchema,
  DeliverySchema,
  NotificationPrioritizedSchema,
  NotificationRequestedSchema,
  ScheduledSchema,
} from "#gen/carillon/event/v1/event_pb.ts";

export interface Topic<D extends DescMessage = DescMessage> {
  readonly name: string;
  readonly schema: D;
  readonly partitions: number;
}

const topic = <D extends DescMessage>(name: string, schema: D, partitions: number): Topic<D> => ({ name, schema, partitions });

export const RETENTION_MS = 7 * 24 * 3_600_000;

export const raw = topic("notifications.raw", NotificationRequestedSchema, 12);
/** What waited for its send_at and is due: as the router let it in, so nobody else writes it. */
export const due = topic("notifications.due", NotificationRequestedSchema, 12);
export const high = topic("notifications.high", NotificationPrioritizedSchema, 12);
export const medium = topic("notifications.medium", NotificationPrioritizedSchema, 12);
export const low = topic("notifications.low", NotificationPrioritizedSchema, 12);

/** A slow channel has three lanes; the plain name is the medium one. */
export const email = {
  high: topic("email-notifications.high", DeliverySchema, 12),
  medium: topic("email-notifications", DeliverySchema, 12),
  low: topic("email-notifications.low", DeliverySchema, 12),
};
export const web = topic("web-notifications", DeliverySchema, 6);

export const deliveryEvents = topic("delivery.events", DeliveryEventSchema, 12);
export const schedule = topic("schedule", ScheduledSchema, 6);

/** First-in-first-out waits of one length each: the delays of the retry plan. */
export const tiers: readonly { readonly topic: Topic<typeof ScheduledSchema>; readonly delayMs: number }[] = [
  { topic: topic("retry.5s", ScheduledSchema, 6), delayMs: 5_000 },
  { topic: topic("retry.1m", ScheduledSchema, 6), delayMs: 60_000 },
  { topic: topic("retry.10m", ScheduledSchema, 6), delayMs: 600_000 },
  { topic: topic("retry.1h", ScheduledSchema, 6), delayMs: 3_600_000 },
];

export const deadNotifications = topic("dlq-notifications", DeadLetterSchema, 6);
export const deadEmail = topic("dlq-email", DeadLetterSchema, 6);
export const deadWeb = topic("dlq-web", DeadLetterSchema, 6);
export const deadEvents = topic("dlq-events", DeadLetterSchema, 6);
export const deadSchedule = topic("dlq-schedule", DeadLetterSchema, 6);

export const all: readonly Topic[] = [
  raw,
  due,
  high,
  medium,
  low,
  email.high,
  email.medium,
  email.low,
  web,
  deliveryEvents,
  schedule,
  ...tiers.map((tier) => tier.topic),
  deadNotifications,
  deadEmail,
  deadWeb,
  deadEvents,
  deadSchedule,
];

/** What a further raw topic may be called: Kafka's rules, and a prefix has room before it. */
export const RAW_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,140}$/;

/** A topic that an installation reads beside `raw`, as it is configured; `all` and `topicNamed` know nothing of it. */
export const furtherRaw = (name: string): typeof raw => topic(name, raw.schema, raw.partitions);

/** The public doors: `raw`, and further ones. `due` holds the same, but nobody else writes it. */
export const isRaw = ({ schema, name }: Topic): boolean => schema === raw.schema && name !== due.name;

const byName = new Map(all.map((each) => [each.name, each]));
export const topicNamed = (name: string): Topic | undefined => byName.get(name);
