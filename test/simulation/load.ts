/**
 * What people do in a simulated run: notifications asked for and repeated until they are acknowledged; preferences changed, notifications
 * canceled, people and addresses suppressed and allowed again, people erased, dead letters replayed while all that is under way; and records
 * that are no messages. Few people, so that what is theirs meets.
 */
import { create } from "@bufbuild/protobuf";
import type { QuietHours } from "#domain/decide/quiet-hours.ts";
import { notificationName, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import * as topics from "#domain/topics.ts";
import { Channel, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Output } from "#platform/log/log.ts";
import { encode } from "#platform/protobuf/codec.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { rawRecords } from "../../services/ingest/records.ts";
import type { Choice, PersonChange } from "../../services/preferences/store.ts";
import type { Random } from "./random.ts";

export interface Asked {
  readonly atMs: number;
  readonly notificationId: string;
  /** Of people. */
  readonly userIds: readonly string[];
  readonly expiresAtMs: number;
  readonly requested: Uint8Array;
  readonly record: Output;
}

/** What somebody asks for, and repeats until it is acknowledged. */
export type Act = { readonly atMs: number } & (
  | { readonly does: "cancel"; readonly notificationId: string }
  | { readonly does: "suppress" | "allow"; readonly who: Who }
  | { readonly does: "erase"; readonly userId: string }
  | { readonly does: "replay"; readonly by: "filter" | "ids"; readonly key: string }
);

/** A person, or one of their addresses. */
interface Who {
  readonly userId: string;
  readonly channel: Channel;
  readonly address: string;
}

/** All that a person wants from then on. */
interface Change {
  readonly atMs: number;
  readonly person: PersonChange;
  readonly choice: Choice | undefined;
  readonly hours: QuietHours | undefined;
}

export const ENVIRONMENT = "production";
/** The category whose mails may be sent at most once. */
export const ONCE = "codes";
export const PEOPLE = ["ann", "ben", "cem"];
const POISONED = [topics.email.high, topics.email.medium, topics.web, topics.schedule];
const LASTS_MS = 20_000;
/** What happens at about the same moment is under way together. */
const AROUND_MS = 200;
const SOON_MS = 3_000;
const ACTS_MS = 45_000;
/** When most that die have died. */
const REPLAYS_MS = 60_000;
const DAY_MS = 24 * 3_600_000;
const ADDRESSES = ["one@example.test", "other@example.test", "stranger@example.test"];

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
  readonly acts: readonly Act[];
}

export function loadOf(random: Random, startMs: number): Load {
  const moments = Array.from({ length: random.between(1, 8) }, () => startMs + random.between(0, LASTS_MS));
  const atMs = () => random.pick(moments) + random.between(0, AROUND_MS);
  const asked = Array.from({ length: random.between(5, 24) }, (_, index) => notification(random, atMs(), index));
  const changes = Array.from({ length: random.between(0, 6) }, () => change(random, atMs()));
  const poison = Array.from({ length: random.chance(0.3) ? random.between(1, 3) : 0 }, () => ({
    atMs: atMs(),
    record: { topic: random.pick(POISONED), key: recipientKey(ENVIRONMENT, random.pick(PEOPLE)), value: new Uint8Array([0xff, 0xff]) },
  }));
  return { asked, changes, poison, acts: actsOf(random, asked, startMs) };
}

export const addressOf = (userId: string): string => `${userId}@example.test`;

/** Soon after something was asked for, while it is under way, or at any time. */
function actsOf(random: Random, asked: readonly Asked[], startMs: number): Act[] {
  const many = (chance: number, most: number): undefined[] => Array(random.chance(chance) ? random.between(1, most) : 0).fill(undefined);
  const atMs = () => (random.chance(0.7) ? random.pick(asked).atMs + random.between(0, SOON_MS) : startMs + random.between(0, ACTS_MS));
  const person = (): Who => ({ userId: random.pick(PEOPLE), channel: Channel.UNSPECIFIED, address: "" });
  const address = (): Who => ({ userId: "", channel: Channel.EMAIL, address: random.pick([...PEOPLE.map(addressOf), ...ADDRESSES]) });
  const suppressed = many(0.4, 2).map(() => ({ atMs: atMs(), does: "suppress" as const, who: random.pick([person, address])() }));
  return [
    ...asked.flatMap(({ notificationId, ...each }): Act[] =>
      random.chance(0.15) ? [{ atMs: each.atMs + random.between(0, 30_000), does: "cancel", notificationId }] : [],
    ),
    ...suppressed,
    ...suppressed.flatMap(({ who, ...each }): Act[] =>
      random.chance(0.4) ? [{ atMs: each.atMs + random.between(0, 20_000), does: "allow", who }] : [],
    ),
    ...many(0.3, 2).map((): Act => ({ atMs: atMs(), does: "erase", userId: random.pick(PEOPLE) })),
    // Twice, at about the same time.
    ...many(0.5, 3).flatMap((_, round): Act[] => {
      const replayMs = startMs + random.between(2_000, REPLAYS_MS);
      return [0, random.between(0, AROUND_MS)].map((laterMs, time) => ({
        ...{ atMs: replayMs + laterMs, does: "replay", by: random.pick(["filter", "ids"]), key: `${round}/${time}` },
      }));
    }),
  ];
}

/** Hours that hold when a run begins, and end while it lasts. */
export const QUIET: QuietHours = { start: "22:00", end: "22:15", days: [] };

const CHOICES: readonly Choice[] = [
  { category: "news", muted: true, mutedUntilMs: 0, channels: [] },
  { category: "*", muted: false, mutedUntilMs: 0, channels: [Channel.WEB] },
];

const change = (random: Random, atMs: number): Change => ({
  atMs,
  person: { userId: random.pick(PEOPLE), email: random.pick([...ADDRESSES.slice(0, 2), ""]), timeZone: "UTC" },
  choice: random.chance(0.3) ? random.pick(CHOICES) : undefined,
  hours: random.chance(0.3) ? QUIET : undefined,
});

function notification(random: Random, atMs: number, index: number): Asked {
  const notificationId = uuidv5(notificationName(ENVIRONMENT, String(index)));
  const persons = random.chance(0.15) ? ["ann", "ben"] : [random.pick(PEOPLE)];
  const recipients = random.chance(0.1)
    ? [{ userId: "", email: "stranger@example.test" }]
    : persons.map((userId) => ({ userId, email: "" }));
  const sendAtMs = random.chance(0.15) ? atMs + random.between(1_000, 30_000) : 0;
  const expiresAtMs = (sendAtMs || atMs) + (random.chance(0.2) ? random.between(1_000, 60_000) : DAY_MS);
  const requested = create(NotificationRequestedSchema, {
    ...{ notificationId, environment: ENVIRONMENT, recipients, category: random.pick(["news", "orders", ONCE]), eventType: "happened" },
    ...{
      content: { title: `Number ${index}`, body: "It happened." },
      channels: random.pick([[Channel.EMAIL], [Channel.EMAIL], [Channel.EMAIL], [Channel.WEB], []]),
    },
    priority: random.pick([Priority.LOW, Priority.MEDIUM, Priority.MEDIUM, Priority.HIGH]),
    ...{ acceptedAtMs: BigInt(atMs), expiresAtMs: BigInt(expiresAtMs), sendAtMs: BigInt(sendAtMs) },
  });
  const [first = { userId: "", email: "" }] = recipients;
  const encoded = encode(NotificationRequestedSchema, requested);
  return {
    ...{ atMs, notificationId, expiresAtMs, requested: encoded },
    userIds: recipients.map(({ userId }) => userId).filter((userId) => userId !== ""),
    record: record(recipientKey(ENVIRONMENT, recipientWord(first, uuidv5)), encoded, undefined),
  };
}
