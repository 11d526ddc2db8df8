/** Records between Kafka's form and the port's. */
import type { KafkaMessage } from "kafkajs";
import type { Topic } from "#domain/topics.ts";
import type { LogRecord, Output } from "../log.ts";

/** A record as it is sent. */
export interface Message extends Pick<Output, "key" | "value" | "headers"> {
  readonly timeMs: number;
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
const NOTHING = Buffer.alloc(0);

/** What a record takes besides key, value and headers, and a header besides its name and text, generously. */
const RECORD_BYTES = 64;
const HEADER_BYTES = 8;

/** At most. */
export function bytesOf({ key, value, headers }: Output): number {
  let bytes = RECORD_BYTES + Buffer.byteLength(key) + value.byteLength;
  for (const name in headers) bytes += HEADER_BYTES + Buffer.byteLength(name) + Buffer.byteLength(headers[name] as string);
  return bytes;
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
