/** Records between Kafka's form and the port's. */
import type { KafkaMessage } from "kafkajs";
import type { Topic } from "#domain/topics.ts";
import type { LogRecord, Output } from "../log.ts";

/** A record as it is sent. */
export interface Message {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers?: Record<string, Buffer>;
  readonly timestamp: string;
  readonly partition: number;
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
const NOTHING = Buffer.alloc(0);

export function messageOf({ key, value, headers }: Output, partition: number, timestamp: string): Message {
  const message = { key: Buffer.from(key), value: Buffer.from(value.buffer, value.byteOffset, value.byteLength), timestamp, partition };
  if (headers === undefined) return message;
  const packed: Record<string, Buffer> = {};
  for (const name in headers) packed[name] = Buffer.from(headers[name] as string);
  return { ...message, headers: packed };
}

/** Other programs may leave out key and value, and may give a header twice: the last one counts. */
export function recordOf(topic: Topic, partition: number, { offset, timestamp, key, value, headers }: KafkaMessage): LogRecord {
  return {
    topic,
    partition,
    offset: Number(offset),
    timeMs: Number(timestamp),
    key: key?.toString() ?? "",
    value: value ?? NOTHING,
    headers: textsOf(headers),
  };
}

function textsOf(headers: KafkaMessage["headers"]): Readonly<Record<string, string>> {
  let texts: Record<string, string> | undefined;
  for (const name in headers) {
    const value = headers[name];
    const last = Array.isArray(value) ? value.at(-1) : value;
    texts ??= {};
    texts[name] = last?.toString() ?? "";
  }
  return texts ?? NO_HEADERS;
}
