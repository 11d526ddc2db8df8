/**
 * What the groups of a mesh had to read while it was being broken, and what it led to, as the log has it: passed.ts says whether a committed
 * position ever stood above something unfinished.
 *
 * Only groups whose work is in the log can be looked at so. The tracker, the scheduler and the dead letters write into stores, which do not
 * tell when: what the first two lose, I1 and I5 find.
 */
import pino from "pino";
import { environmentOfKey, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import {
  deadEmail,
  deadNotifications,
  deadWeb,
  deliveryEvents,
  due,
  email,
  high,
  low,
  medium,
  raw,
  type Topic,
  web,
} from "#domain/topics.ts";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeadLetterSchema,
  DeliveryEventSchema,
  DeliverySchema,
  Moment,
  NotificationPrioritizedSchema,
  type NotificationRequested,
} from "#gen/carillon/event/v1/event_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { kafkaLog } from "#platform/log/log.kafka.ts";
import type { LogRecord } from "#platform/log/log.ts";
import { decode } from "#platform/protobuf/codec.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { admit, admitDue } from "../../services/router/admission.ts";
import { Refusal } from "../../services/router/refusal.ts";
import type { FaultMesh } from "./mesh.ts";
import { type GroupRead, passedTooEarly, type Read, type Sample, type Told } from "./passed.ts";

const lanes = [high, medium, low];
const mails = [email.high, email.medium, email.low];

/** By group. */
export const READ: Readonly<Record<string, readonly Topic[]>> = {
  router: [due, raw],
  dispatcher: lanes,
  "email-workers": mails,
  inbox: [web],
};
/** Where what records lead to is told. */
export const TOLD: readonly Topic[] = [...lanes, ...mails, web, deliveryEvents, deadNotifications, deadEmail, deadWeb];
const ALL = [...new Set([...Object.values(READ).flat(), ...TOLD])];

export interface Positions {
  /** Records that a position was above too early, of those that came since this was opened, and groups that were not seen, in words. */
  passed(samples: readonly Sample[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function openPositions(mesh: FaultMesh): Promise<Positions> {
  const log = await kafkaLog({
    ...{ brokers: mesh.engines.addresses.kafka, topics: ALL, topicPrefix: `${mesh.prefix}.` },
    ...{ clock: systemClock, logger: pino({ level: "silent" }) },
  });
  const begins = new Map<string, number>();
  for (const topic of ALL)
    for (let partition = 0; partition < topic.partitions; partition++)
      begins.set(placeOf({ topic, partition }), (await log.bounds(topic, partition)).end);
  /** By topic and partition, what came since. */
  async function since(topics: readonly Topic[]): Promise<Map<string, readonly LogRecord[]>> {
    const records = new Map<string, readonly LogRecord[]>();
    for (const topic of topics)
      for (let partition = 0; partition < topic.partitions; partition++) {
        const place = placeOf({ topic, partition });
        records.set(place, await log.read(topic, partition, begins.get(place) as number, Number.POSITIVE_INFINITY));
      }
    return records;
  }
  return {
    async passed(samples) {
      const told = new Map<string, Told[]>();
      const queued = new Map<string, readonly string[]>();
      for (const record of [...(await since(TOLD)).values()].flat()) {
        const { offset, timeMs } = record;
        for (const name of toldBy(record, queued)) told.set(name, [...(told.get(name) ?? []), { place: placeOf(record), offset, timeMs }]);
      }
      const groups: GroupRead[] = [];
      for (const [group, topics] of Object.entries(READ)) {
        const records = await since(topics);
        groups.push({ group, partitions: new Map([...records].map(([place, its]) => [place, its.map((each) => readOf(each, queued))])) });
      }
      return passedTooEarly(groups, told, samples);
    },
    close: () => log.close(),
  };
}

export const placeOf = ({ topic, partition }: { readonly topic: Pick<Topic, "name">; readonly partition: number }): string =>
  `${topic.name}/${partition}`;

const requested = (notificationId: string) => `${notificationId} requested`;
const refused = (notificationId: string) => `${notificationId} refused`;
const routed = (notificationId: string, key: string) => `${notificationId} routed for ${key}`;
const decided = (notificationId: string, key: string) => `${notificationId} decided for ${key}`;
const sentOn = (deliveryId: string) => `${deliveryId} on its way`;
const tried = (deliveryId: string) => `what became of ${deliveryId}`;
const buried = (place: string, offset: number | bigint) => `the dead letter of ${place}/${offset}`;

/** What a record tells of others; a decision also which deliveries it leads to. */
function toldBy({ topic, key, value }: LogRecord, queued: Map<string, readonly string[]>): readonly string[] {
  switch (topic.schema) {
    case NotificationPrioritizedSchema:
      return [routed(decode(NotificationPrioritizedSchema, value).notificationId, key)];
    case DeliverySchema:
      return [sentOn(decode(DeliverySchema, value).deliveryId)];
    case DeadLetterSchema: {
      const { topic, partition, offset } = decode(DeadLetterSchema, value);
      return [buried(placeOf({ topic: { name: topic }, partition }), offset)];
    }
  }
  const { moment, notificationId, deliveryId, status, decisions } = decode(DeliveryEventSchema, value);
  switch (moment) {
    case Moment.REQUESTED:
      return [requested(notificationId)];
    case Moment.REFUSED:
      return [refused(notificationId)];
    case Moment.DECIDED:
      // What waits for the end of quiet hours goes to the schedule.
      queued.set(
        decided(notificationId, key),
        decisions.filter(({ send, untilMs }) => send && untilMs === 0n).map((each) => sentOn(each.deliveryId)),
      );
      return [decided(notificationId, key)];
    case Moment.DELIVERY:
      return status === DeliveryStatus.QUEUED ? [] : [tried(deliveryId)];
    default:
      return [];
  }
}

function readOf(record: LogRecord, queued: ReadonlyMap<string, readonly string[]>): Read {
  const { offset, timeMs } = record;
  const letter = buried(placeOf(record), offset);
  const { of, ways } = leadsTo(record, queued) ?? { of: letter, ways: [] };
  return { offset, timeMs, of, ways: [...ways, [letter]] };
}

/** Undefined: it is nothing that can be carried out. */
function leadsTo(record: LogRecord, queued: ReadonlyMap<string, readonly string[]>): Pick<Read, "of" | "ways"> | undefined {
  const { topic, key, value } = record;
  if (topic === raw || topic === due) {
    const asked = askedIn(record);
    if (!asked) return undefined;
    const { notificationId, environment, recipients, sendAtMs, acceptedAtMs } = asked;
    const isParked = topic === raw && sendAtMs > acceptedAtMs;
    const forAll = recipients.map((each) => routed(notificationId, recipientKey(environment, recipientWord(each, uuidv5))));
    const of = `${notificationId} ${topic.name}`;
    return { of, ways: [[requested(notificationId), ...(isParked ? [] : forAll)], [refused(notificationId)]] };
  }
  if (topic.schema === NotificationPrioritizedSchema) {
    const { notificationId } = decode(NotificationPrioritizedSchema, value);
    const of = decided(notificationId, key);
    return { of, ways: [[of, ...(queued.get(of) ?? [])], [refused(notificationId)]] };
  }
  const { deliveryId, cycle, attempt, wait } = decode(DeliverySchema, value);
  return { of: `${deliveryId} ${cycle}/${attempt}/${wait}`, ways: [[tried(deliveryId)]] };
}

/** In whatever shape it was written; undefined where it is refused. */
function askedIn(record: LogRecord): NotificationRequested | undefined {
  const admitted = record.topic === due ? [admitDue(record)] : admit(record, { environment: environmentOfKey(record.key) }, []);
  return admitted instanceof Refusal ? undefined : admitted[0]?.asked;
}
