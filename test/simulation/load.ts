/**
 * What people do in a simulated run: notifications asked for and repeated until they are acknowledged, some of them canceled; preferences
 * changed in between; and records that are no messages. Few people, so that what is theirs meets.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { notificationName, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import * as topics from "#domain/topics.ts";
import { Channel, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { PersonPreferencesSchema } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Output } from "#platform/log/log.ts";
import { encode } from "#platform/protobuf/codec.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { rawRecords } from "../../services/ingest/records.ts";
import type { Random } from "./random.ts";

type Preferences = MessageInitShape<typeof PersonPreferencesSchema>;

export interface Asked {
  readonly atMs: number;
  readonly notificationId: string;
  readonly expiresAtMs: number;
  readonly cancelAtMs: number | undefined;
  readonly record: Output;
}

interface Change {
  readonly atMs: number;
  readonly userId: string;
  readonly preferences: Preferences;
}

export const ENVIRONMENT = "production";
/** The category whose mails may be sent at most once. */
export const ONCE = "codes";
export const PEOPLE = ["ann", "ben", "cem"];
const POISONED = [topics.email.high, topics.email.medium, topics.web, topics.schedule];
const LASTS_MS = 20_000;
/** What happens at about the same moment is under way together. */
const AROUND_MS = 200;
const DAY_MS = 24 * 3_600_000;

const record = rawRecords({ format: "protobuf", origin: undefined });

/** A record that nobody can read. */
interface Poison {
  readonly atMs: number;
  readonly record: Output;
}

export interface Load {
  readonly poison: readonly Poison[];
  readonly asked: readonly Asked[];
  readonly changes: readonly Change[];
}

export function loadOf(random: Random, startMs: number): Load {
  const moments = Array.from({ length: random.between(1, 8) }, () => startMs + random.between(0, LASTS_MS));
  const atMs = () => random.pick(moments) + random.between(0, AROUND_MS);
  const asked = Array.from({ length: random.between(5, 20) }, (_, index) => notification(random, atMs(), index));
  const changes = Array.from({ length: random.between(0, 6) }, () => ({
    ...{ atMs: atMs(), userId: random.pick(PEOPLE) },
    preferences: preferences(random),
  }));
  const poison = Array.from({ length: random.chance(0.3) ? random.between(1, 3) : 0 }, () => ({
    atMs: atMs(),
    record: { topic: random.pick(POISONED), key: recipientKey(ENVIRONMENT, random.pick(PEOPLE)), value: new Uint8Array([0xff, 0xff]) },
  }));
  return { asked, changes, poison };
}

export const initialPreferences = (): Map<string, Preferences> =>
  new Map(PEOPLE.map((userId) => [userId, { person: { userId, email: `${userId}@example.test` } }]));

/** Hours that hold when a run begins, and end while it lasts. */
const QUIET = { start: "22:00", end: "22:15" };

const preferences = (random: Random): Preferences => ({
  person: { email: random.pick(["one@example.test", "other@example.test", ""]), timeZone: "UTC" },
  ...(random.chance(0.3) && {
    categories: [
      random.pick([
        { category: "news", muted: true },
        { category: "*", channels: [Channel.WEB] },
      ]),
    ],
  }),
  ...(random.chance(0.3) && { quietHours: QUIET }),
});

function notification(random: Random, atMs: number, index: number): Asked {
  const notificationId = uuidv5(notificationName(ENVIRONMENT, String(index)));
  const persons = random.chance(0.15) ? ["ann", "ben"] : [random.pick(PEOPLE)];
  const recipients = random.chance(0.1)
    ? [{ userId: "", email: "stranger@example.test" }]
    : persons.map((userId) => ({ userId, email: "" }));
  const sendAtMs = random.chance(0.15) ? atMs + random.between(1_000, 60_000) : 0;
  const expiresAtMs = (sendAtMs || atMs) + (random.chance(0.2) ? random.between(1_000, 60_000) : DAY_MS);
  const requested = create(NotificationRequestedSchema, {
    ...{ notificationId, environment: ENVIRONMENT, recipients, category: random.pick(["news", "orders", ONCE]), eventType: "happened" },
    ...{
      content: { title: `Number ${index}`, body: "It happened." },
      channels: random.pick([[Channel.EMAIL], [Channel.EMAIL], [Channel.WEB], []]),
    },
    priority: random.pick([Priority.LOW, Priority.MEDIUM, Priority.MEDIUM, Priority.HIGH]),
    ...{ acceptedAtMs: BigInt(atMs), expiresAtMs: BigInt(expiresAtMs), sendAtMs: BigInt(sendAtMs) },
  });
  const [first = { userId: "", email: "" }] = recipients;
  return {
    ...{ atMs, notificationId, expiresAtMs },
    cancelAtMs: random.chance(0.15) ? atMs + random.between(0, 30_000) : undefined,
    record: record(recipientKey(ENVIRONMENT, recipientWord(first, uuidv5)), encode(NotificationRequestedSchema, requested), undefined),
  };
}
