/** Records as JSON for people: decoded by their topic, and what travels encoded inside of them opened. */
import { type DescMessage, fromBinary, type JsonObject, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { isRaw, type Topic } from "#domain/topics.ts";
import { ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import {
  type DeadLetter,
  DeadLetterSchema,
  DeliveryEventSchema,
  DeliverySchema,
  NotificationPrioritizedSchema,
  NotificationRequestedSchema,
  type Scheduled,
  ScheduledSchema,
  UsedTemplateSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import type { LogRecord } from "./log.ts";

type Payload = Pick<LogRecord, "value" | "headers">;
type TopicNamed = (name: string) => Topic | undefined;

export interface Decoded {
  readonly schema: DescMessage;
  readonly message: Message;
}

/** Undefined for JSON of a raw topic, and for what is not what its topic holds. */
export function decoded(topic: Topic, { value, headers }: Payload): Decoded | undefined {
  if (isRaw(topic) && !headers["content-type"]?.toLowerCase().includes("protobuf")) return undefined;
  try {
    return { schema: topic.schema, message: fromBinary(topic.schema, value) };
  } catch {
    return undefined;
  }
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

/** Undefined where it cannot be told. `topicNamed` finds the topics that records inside of records are of. */
export function readable(topic: Topic, payload: Payload, topicNamed: TopicNamed): JsonObject | undefined {
  const found = decoded(topic, payload);
  if (!found) return isRaw(topic) ? jsonOf(payload.value) : undefined;
  try {
    return { ...(toJson(found.schema, found.message) as JsonObject), ...opened(found, topicNamed) };
  } catch {
    return undefined;
  }
}

const words = { content: ContentSchema, template: UsedTemplateSchema };

/** Which message the bytes of a field hold, by the schema that the field is in. */
const inside = new Map<DescMessage, Readonly<Record<string, DescMessage>>>([
  [NotificationPrioritizedSchema, words],
  [DeliverySchema, words],
  [DeliveryEventSchema, { requested: NotificationRequestedSchema }],
]);

/** Those of its fields that hold something which can be read; the others stay base64. */
function opened({ schema, message }: Decoded, topicNamed: TopicNamed): JsonObject {
  if (schema === ScheduledSchema || schema === DeadLetterSchema) {
    const { topic, value, headers = {} } = message as Scheduled & Partial<Pick<DeadLetter, "headers">>;
    const target = topicNamed(topic);
    const json = target && readable(target, { value, headers }, topicNamed);
    return json ? { value: json } : {};
  }
  const fields = Object.entries(inside.get(schema) ?? {}).flatMap(([name, field]): [string, JsonValue][] => {
    const bytes = (message as unknown as Readonly<Record<string, Uint8Array>>)[name] as Uint8Array;
    return bytes.length === 0 ? [] : [[name, toJson(field, fromBinary(field, bytes))]];
  });
  return Object.fromEntries(fields);
}

/** One line of JSON. A value that is not what its topic holds is shown as text, or else as base64. */
export function lineOf(record: LogRecord, topicNamed: TopicNamed): string {
  const { topic, partition, offset, timeMs, key, headers, value } = record;
  const json = readable(topic, record, topicNamed);
  const shown = { partition, offset, time: timeOf(timeMs), key, headers, ...(json ? { value: json } : bare(value)) };
  // What JSON leaves as it is can still move a terminal's cursor, or turn the line around.
  return JSON.stringify(shown).replaceAll(UNSEEN, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A writer may have put any time on it. */
const timeOf = (timeMs: number): string | number => (Math.abs(timeMs) <= 8.64e15 ? new Date(timeMs).toISOString() : timeMs);

const UNSEEN = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function bare(value: Uint8Array) {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(value) };
  } catch {
    return { base64: Buffer.from(value).toString("base64") };
  }
}
