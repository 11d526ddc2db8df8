/**
 * What a dead letter's original was: decoded by its topic, and whose it is. Pure.
 *
 * Where anybody may have written what died on the raw topic, a wrong guess has to do no harm: there its environment is the topic's own.
 */
import { type DescMessage, fromBinary, type JsonObject, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { environmentOfKey } from "#domain/ids.ts";
import * as topics from "#domain/topics.ts";
import { Channel, ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import { type DeadLetter, type Delivery, DeliverySchema, type Scheduled } from "#gen/carillon/event/v1/event_pb.ts";
import type { Original, Summary } from "./store.ts";

export interface Decoded {
  readonly schema: DescMessage;
  readonly message: Message;
}

type Whose = Pick<Summary, "notificationId" | "deliveryId" | "userId" | "channel" | "cycle">;

/** Undefined for JSON of the raw topic, and for what is not what its topic holds. */
export function decode(topicName: string, { value, headers }: Pick<Original, "value" | "headers">): Decoded | undefined {
  const topic = topics.topicNamed(topicName);
  if (!topic || (topic === topics.raw && !headers["content-type"]?.includes("protobuf"))) return undefined;
  try {
    return { schema: topic.schema, message: fromBinary(topic.schema, value) };
  } catch {
    return undefined;
  }
}

/** Keys of every other topic are ours, and so are those of a raw topic that only ingest writes to: `environment/recipient`. */
export const environmentOf = ({ topic, key }: Pick<DeadLetter, "topic" | "key">, rawEnvironment: string | undefined): string =>
  (topic === topics.raw.name ? rawEnvironment : undefined) ?? environmentOfKey(key);

export function whose({ topic, value, headers }: Pick<DeadLetter, "topic" | "value" | "headers">): Whose {
  const found = aboutIt(topic, value, headers);
  return {
    notificationId: short(found.notificationId),
    deliveryId: short(found.deliveryId),
    userId: short(found.userId),
    channel: typeof found.channel === "number" ? (found.channel as Channel) : Channel.UNSPECIFIED,
    cycle: typeof found.cycle === "number" ? found.cycle : 0,
  };
}

type Found = { readonly [K in keyof Whose]?: unknown };

function aboutIt(topic: string, value: Uint8Array, headers: Readonly<Record<string, string>>): Found {
  if (topic === topics.raw.name) return aboutAsked(topic, value, headers);
  const decoded = decode(topic, { value, headers });
  if (!decoded) return {};
  if (decoded.schema.typeName !== "carillon.event.v1.Scheduled") return decoded.message as Found;
  const { topic: target, value: inner } = decoded.message as Scheduled;
  return (decode(target, { value: inner, headers: {} })?.message ?? {}) as Found;
}

function aboutAsked(topic: string, value: Uint8Array, headers: Readonly<Record<string, string>>): Found {
  const asked = (decode(topic, { value, headers })?.message ?? jsonOf(value) ?? {}) as Record<string, unknown>;
  const recipients = (Array.isArray(asked.recipients) ? asked.recipients : []) as Record<string, unknown>[];
  const [first] = recipients;
  return { notificationId: asked.notificationId ?? asked.notification_id, userId: first?.userId ?? first?.user_id };
}

/** An object, or nothing. */
export function jsonOf(value: Uint8Array): JsonObject | undefined {
  try {
    const json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value)) as JsonValue;
    return typeof json === "object" && json !== null && !Array.isArray(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

const short = (text: unknown): string => (typeof text === "string" && text.length <= 128 ? text : "");

/** As JSON for people: what travels encoded inside is opened. Undefined where it cannot be told. */
export function readable(topic: string, original: Original): JsonObject | undefined {
  const decoded = decode(topic, original);
  if (!decoded) return topic === topics.raw.name ? jsonOf(original.value) : undefined;
  try {
    const json = toJson(decoded.schema, decoded.message) as JsonObject;
    const { content } = decoded.message as Partial<Delivery>;
    if (content instanceof Uint8Array) return { ...json, content: toJson(ContentSchema, fromBinary(ContentSchema, content)) };
    if (decoded.schema.typeName !== "carillon.event.v1.Scheduled") return json;
    const { topic: target, value } = decoded.message as Scheduled;
    const inner = readable(target, { key: "", value, headers: {} });
    return inner ? { ...json, value: inner } : json;
  } catch {
    return undefined;
  }
}

export const isDelivery = (decoded: Decoded | undefined): decoded is { schema: typeof DeliverySchema; message: Delivery } =>
  decoded?.schema === DeliverySchema;
