/**
 * Dead letters: a record that cannot be carried through, kept whole with the reason, so that it can be read and replayed.
 *
 * A dead-letter topic takes 2 MiB. An original that does not fit is cut, first its value, and the detail says so.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { deadLetterName } from "#domain/ids.ts";
import type { Reason } from "#domain/reasons.ts";
import type { Topic } from "#domain/topics.ts";
import { further } from "#domain/way.ts";
import { DeadLetterSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { LogRecord, Output } from "#platform/log/log.ts";
import { uuidv5 } from "#platform/uuid.ts";
import type { Because } from "./stage.ts";

export const DEAD_LETTER_MOST_BYTES = 2 * 1_024 * 1_024;
const DETAIL_MOST_CHARS = 1_000;
const KEY_MOST_CHARS = 4_096;
const HEADERS_MOST_CHARS = 65_536;
/** For everything but the value: key and headers at four bytes a character at worst, the key once more beside the value, the way, the rest. */
const ROOM_BYTES = 4 * (2 * KEY_MOST_CHARS + HEADERS_MOST_CHARS + DETAIL_MOST_CHARS) + 32_768;
const VALUE_MOST_BYTES = DEAD_LETTER_MOST_BYTES - ROOM_BYTES;

export interface Burial extends Because {
  readonly stage: string;
  readonly deadLetters: Topic;
  readonly reason: Reason;
  readonly atMs: number;
}

export function deadLetter(record: LogRecord, { stage, deadLetters, reason, way, atMs, ...about }: Burial): Output {
  const { topic, partition, offset, timeMs } = record;
  const { detail } = about;
  const notes: string[] = [];
  const value = record.value.subarray(0, VALUE_MOST_BYTES);
  if (value.length < record.value.length) notes.push(`value cut from ${record.value.length} to ${value.length} bytes`);
  const key = record.key.slice(0, KEY_MOST_CHARS);
  if (key.length < record.key.length) notes.push(`key cut from ${record.key.length} to ${key.length} characters`);
  const headers = fitting(record.headers);
  if (headers !== record.headers) notes.push(`headers left out beyond ${HEADERS_MOST_CHARS} characters`);
  const note = notes.map((each) => ` [${each}]`).join("");
  const letter = create(DeadLetterSchema, {
    ...{ id: uuidv5(deadLetterName(stage, topic.name, partition, offset)), topic: topic.name, partition, offset: BigInt(offset) },
    ...{ key, value, headers: { ...headers }, stage, reason, atMs: BigInt(atMs), writtenAtMs: BigInt(timeMs) },
    way: further(way, { topic: topic.name, stage, sinceMs: timeMs, atMs, reason, ...about }),
    detail: `${detail.slice(0, DETAIL_MOST_CHARS - note.length)}${note}`.trim(),
  });
  return { topic: deadLetters, key, value: toBinary(DeadLetterSchema, letter) };
}

/** The headers themselves, or as many as fit. */
function fitting(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const kept: [string, string][] = [];
  let chars = 0;
  let whole = true;
  for (const [name, text] of Object.entries(headers)) {
    const size = name.length + text.length + 8;
    if (chars + size > HEADERS_MOST_CHARS) {
      whole = false;
      continue;
    }
    chars += size;
    kept.push([name, text]);
  }
  return whole ? headers : Object.fromEntries(kept);
}
