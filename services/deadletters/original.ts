/**
 * What a dead letter's original was: decoded by its topic, and whose it is. Pure.
 *
 * Where anybody may have written what died on a raw topic, a wrong guess has to do no harm: the door says whose it is.
 */
import { create } from "@bufbuild/protobuf";
import { isRaw } from "#domain/topics.ts";
import { joined } from "#domain/way.ts";
import { Channel, HopSchema, type Way } from "#gen/carillon/common/v1/common_pb.ts";
import { type DeadLetter, type Delivery, DeliverySchema, type Scheduled, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { type Decoded, decoded, jsonOf } from "#platform/log/readable.ts";
import { acceptedAtOf } from "#platform/raw/accepted-at.ts";
import type { RawDoor } from "#platform/raw/door.ts";
import { idOf } from "#platform/raw/id.ts";
import type { Letter, Original, Summary } from "./store.ts";

/** What there is to know of topics. */
type Topics = Pick<RawDoor, "topicNamed">;

type Whose = Pick<Summary, "notificationId" | "deliveryId" | "userId" | "channel" | "cycle">;

/** Undefined for JSON of a raw topic, and for what is not what its topic holds. */
export function decode(topicName: string, original: Pick<Original, "value" | "headers">, { topicNamed }: Topics): Decoded | undefined {
  const topic = topicNamed(topicName);
  return topic && decoded(topic, original);
}

/** Empty where it is nobody's: then nobody is shown it. */
export const environmentOf = (letter: DeadLetter, door: RawDoor): string => door.ownerOf(letter, letter.topic).environment ?? "";

export function whose(letter: DeadLetter, door: RawDoor): Whose {
  const found = aboutIt(letter, environmentOf(letter, door), door);
  return {
    notificationId: short(found.notificationId),
    deliveryId: short(found.deliveryId),
    userId: short(found.userId),
    channel: typeof found.channel === "number" ? (found.channel as Channel) : Channel.UNSPECIFIED,
    cycle: typeof found.cycle === "number" ? found.cycle : 0,
  };
}

type Found = { readonly [K in keyof Whose]?: unknown };

function aboutIt(letter: Pick<Original, "value" | "headers"> & Pick<Letter, "topic">, environment: string, topics: Topics): Found {
  const { topic: name, value, headers } = letter;
  const topic = topics.topicNamed(name);
  const original = topic && decoded(topic, { value, headers });
  if (topic && isRaw(topic)) return aboutAsked((original?.message ?? jsonOf(value) ?? {}) as Record<string, unknown>, environment);
  if (!original) return {};
  if (original.schema !== ScheduledSchema) return original.message as Found;
  const { topic: target, value: inner } = original.message as Scheduled;
  return (decode(target, { value: inner, headers: {} }, topics)?.message ?? {}) as Found;
}

/** As the router names it: the timeline of what it refused is found by the same id. */
function aboutAsked(asked: Readonly<Record<string, unknown>>, environment: string): Found {
  return { notificationId: asked.notificationId ?? asked.notification_id ?? idOf(environment, asked), userId: recipientsOf(asked)[0] };
}

/** The user id of each recipient of a raw record, in whatever shape it is. */
function recipientsOf(asked: Readonly<Record<string, unknown>>): unknown[] {
  const recipients = (Array.isArray(asked.recipients) ? asked.recipients : [asked]) as (Record<string, unknown> | null)[];
  return recipients.map((each) => each?.userId ?? each?.user_id);
}

/** Everybody whom an original is for, by their ids; an empty one is a bare address, or somebody who cannot be read. */
export function recipientIdsIn(letter: Pick<Letter, "topic" | "original">, topics: Topics): readonly string[] {
  const { value, headers } = letter.original;
  const topic = topics.topicNamed(letter.topic);
  if (!topic || !isRaw(topic)) return [short(aboutIt({ topic: letter.topic, value, headers }, "", topics).userId)];
  const asked = decoded(topic, { value, headers })?.message ?? jsonOf(value) ?? {};
  return recipientsOf(asked as Record<string, unknown>).map(short);
}

/** When an original was accepted, as it says itself; 0: it does not. */
export function acceptedAtMsIn({ topic, original }: Pick<Letter, "topic" | "original">, topics: Topics): number {
  const about = (decode(topic, original, topics)?.message ?? {}) as { readonly acceptedAtMs?: unknown };
  const told = typeof about.acceptedAtMs === "bigint" ? about.acceptedAtMs : 0n;
  return Number(told || (acceptedAtOf({ headers: original.headers }) ?? 0n));
}

/**
 * The way of a letter from its acceptance to its end: what a delivery tells of itself, and then what the stage tells that gave it up. Whole
 * by itself: the history may be gone by the time that somebody reads it, and knows nothing of what died before it had an id.
 */
export function wayOf({ topic, original, way }: Letter, topics: Topics): Omit<Way, "$typeName"> {
  const decodedOriginal = decode(topic, original, topics);
  const acceptedAtMs = BigInt(acceptedAtMsIn({ topic, original }, topics));
  const own = isDelivery(decodedOriginal) ? decodedOriginal.message.way : undefined;
  const { hops = [], leftOut = 0 } = joined(own, way) ?? {};
  const accepted = create(HopSchema, { sinceMs: acceptedAtMs, atMs: acceptedAtMs, times: 1 });
  return { hops: [...(acceptedAtMs > 0n ? [accepted] : []), ...hops.map((hop) => create(HopSchema, hop))], leftOut };
}

const short = (text: unknown): string => (typeof text === "string" && text.length <= 128 ? text : "");

export const isDelivery = (original: Decoded | undefined): original is { schema: typeof DeliverySchema; message: Delivery } =>
  original?.schema === DeliverySchema;
