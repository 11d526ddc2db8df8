/**
 * The router: what was asked in, one prioritised notification per recipient out.
 *
 * It tells the tracker what it took in, or why it did not: what is refused is buried, and whoever knows its id can ask why. It knows
 * nothing of people. What is to be sent later it parks as a whole, on `schedule`; when it is due it comes back by a topic of its own, and
 * is routed then whatever the clock says: put away a second time under the same id it would get lost.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { settlePriority } from "#domain/decide/priority.ts";
import { notificationEventName, parkedName, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import * as topics from "#domain/topics.ts";
import { ContentSchema, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeliveryEventSchema,
  Moment,
  NotificationPrioritizedSchema,
  NotificationRequestedSchema,
  type RequestedRecipient,
  ScheduledSchema,
  UsedTemplateSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { LogRecord, Output } from "#platform/log/log.ts";
import { encode } from "#platform/protobuf/codec.ts";
import type { Owner, RawDoor } from "#platform/raw/door.ts";
import type { Versions } from "#platform/render/versions.ts";
import type { Destination } from "#platform/shapes/broadcast.ts";
import type { Stage } from "#platform/stage/stage.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { type Admitted, admit, admitDue } from "./admission.ts";
import { fieldWithin, idWithin, isProtobuf } from "./raw.ts";
import { Refusal } from "./refusal.ts";
import { pinned } from "./templates.ts";

const laneOf = (priority: Priority) => {
  if (priority === Priority.LOW) return topics.low;
  return priority >= Priority.HIGH ? topics.high : topics.medium;
};

export interface Needs {
  readonly clock: Clock;
  readonly versions: Versions;
  readonly door: RawDoor;
  /** Where a message to everybody goes. */
  readonly destinations: readonly Destination[];
}

/**
 * One for what is due and notifications.raw, and one for each further raw topic: the members of a group have to read the same topics, so
 * that which further ones there are can be changed while others run; and whoever floods theirs delays nobody else.
 */
export const routers = (needs: Needs): Stage<Routed>[] => [
  router(needs, "router", [topics.due, topics.raw]),
  ...needs.door.topics.filter((topic) => topic !== topics.raw).map((topic) => router(needs, `router-${topic.name}`, [topic])),
];

/** A record asks for one notification; for several where it is a message to everybody. */
type Routed = readonly Admitted[] | Refusal;

function router({ clock, versions, door, destinations }: Needs, name: string, reads: readonly topics.Topic[]): Stage<Routed> {
  const ownerOf = (record: LogRecord) => door.ownerOf(record, record.topic.name);
  return {
    name,
    reads,
    writes: [topics.high, topics.medium, topics.low, topics.schedule, topics.deliveryEvents],
    deadLetters: topics.deadNotifications,
    decode: (record) => (record.topic === topics.due ? [admitDue(record)] : admit(record, ownerOf(record), destinations)),
    async handle(batch) {
      const nowMs = clock.nowMs();
      for (const received of batch.records) {
        const isDue = received.record.topic === topics.due;
        // What is due was pinned before it was parked.
        const value = received.value instanceof Refusal || isDue ? received.value : await allPinned(received.value, versions);
        if (value instanceof Refusal) batch.bury(received, value.reason, value.detail, ...refused(value, ownerOf(received.record), nowMs));
        else
          batch.done(
            received,
            ...value.flatMap((each) => (!isDue && each.asked.sendAtMs > BigInt(nowMs) ? park(each, nowMs) : route(each, nowMs))),
          );
      }
    },
    givenUp: (record, value, reason, detail) =>
      idsOf(record, value).flatMap((id) => refused(new Refusal(reason, detail, id), ownerOf(record), clock.nowMs())),
  };
}

async function allPinned(admitted: readonly Admitted[], versions: Versions): Promise<Routed> {
  const all: Admitted[] = [];
  for (const each of admitted) {
    const one = await pinned(each, versions);
    if (one instanceof Refusal) return one;
    all.push(one);
  }
  return all;
}

function idsOf(record: LogRecord, value: Routed | undefined): readonly (string | undefined)[] {
  if (value) return value instanceof Refusal ? [value.notificationId] : value.map(({ asked }) => asked.notificationId);
  return [record.topic === topics.due || isProtobuf(record) ? idWithin(record.value) : undefined];
}

/** Told in the record's own environment, whatever it says of itself: nobody writes into the history of another one. */
function refused({ notificationId, reason, detail }: Refusal, { environment }: Owner, nowMs: number): Output[] {
  if (notificationId === "" || environment === undefined) return [];
  const eventId = uuidv5(notificationEventName(notificationId, "", "refused"));
  const about = { eventId, notificationId, environment, atMs: BigInt(nowMs) };
  return [event(recipientKey(environment, notificationId), { ...about, moment: Moment.REFUSED, reason, detail })];
}

function park({ asked, requested }: Admitted, nowMs: number): Output[] {
  const { notificationId, environment, recipients, sendAtMs } = asked;
  const key = recipientKey(environment, recipientWord(recipients[0] as RequestedRecipient, uuidv5));
  const parked = { id: uuidv5(parkedName(notificationId)), dueAtMs: sendAtMs, topic: topics.due.name, key, value: requested };
  return [requestedEvent(key, { asked, requested }, nowMs), { topic: topics.schedule, key, value: encode(ScheduledSchema, parked) }];
}

/** Keys are made anew: the record's own may be anything. */
function route({ asked, requested }: Admitted, nowMs: number): Output[] {
  const { notificationId, environment, actor, eventType, category, channels, acceptedAtMs, expiresAtMs } = asked;
  const priority = settlePriority(asked.priority, eventType, category, asked.recipients.length);
  const topic = laneOf(priority);
  const shared = {
    ...{ notificationId, environment, actor, eventType, category, channels, priority, acceptedAtMs, expiresAtMs },
    ...wordsOf({ asked, requested }),
  };
  const byKey = new Map(asked.recipients.map((each) => [recipientKey(environment, recipientWord(each, uuidv5)), each]));
  const prioritized = [...byKey].map(
    ([key, { userId, email }]): Output => ({ topic, key, value: encode(NotificationPrioritizedSchema, { ...shared, userId, email }) }),
  );
  const [key] = byKey.keys();
  return [requestedEvent(key as string, { asked, requested }, nowMs), ...prioritized];
}

function requestedEvent(key: string, { asked, requested }: Admitted, nowMs: number): Output {
  const { notificationId, environment } = asked;
  const eventId = uuidv5(notificationEventName(notificationId, "", "requested"));
  return event(key, { eventId, notificationId, environment, atMs: BigInt(nowMs), moment: Moment.REQUESTED, requested });
}

/** As they stand in the record, where they do. */
function wordsOf({ asked: { content, template }, requested }: Admitted) {
  const { field } = NotificationRequestedSchema;
  const inline = content && (fieldWithin(requested, field.content.number) ?? encode(ContentSchema, content));
  const used = template && (fieldWithin(requested, field.template.number) ?? encode(UsedTemplateSchema, template));
  const { locale = "", channels = [] } = template ?? {};
  return { ...(inline && { content: inline }), ...(used && { template: used }), locale, wordedChannels: channels };
}

const event = (key: string, init: MessageInitShape<typeof DeliveryEventSchema>): Output => ({
  topic: topics.deliveryEvents,
  key,
  value: encode(DeliveryEventSchema, init),
});
