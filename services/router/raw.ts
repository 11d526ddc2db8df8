/**
 * Reads a record of a raw topic, the public door: Protobuf where its header `content-type` says so, JSON otherwise, in one of three shapes.
 *
 * Anybody may have written it. Whatever it holds, the answer is what is asked for or a refusal in words.
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Problem } from "#domain/errors.ts";
import { type NotificationRequested, NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { LogRecord } from "#platform/log/log.ts";
import { decode } from "#platform/protobuf/codec.ts";
import { idOf } from "#platform/raw/id.ts";
import { readJson } from "#platform/rpc/json.ts";
import type { Destination } from "#platform/shapes/broadcast.ts";
import { Refusal } from "./refusal.ts";
import { shapeOf, type Written } from "./shapes.ts";

const PROTOBUF = "application/protobuf";
const JSON_TYPE = "application/json";

const typeOf = ({ headers }: LogRecord) => ((headers["content-type"] ?? JSON_TYPE).split(";", 1)[0] as string).trim().toLowerCase();

export const isProtobuf = (record: LogRecord): boolean => typeOf(record) === PROTOBUF;

/** `environment`: whose the record is. `destinations`: where a message to everybody goes. */
export function readRaw(record: LogRecord, environment: string, destinations: readonly Destination[]): Written | Refusal {
  const type = typeOf(record);
  if (type === PROTOBUF) return readProtobuf(record.value);
  if (type === JSON_TYPE) return readText(record, environment, destinations);
  return new Refusal("undecodable", `content-type: the header must be ${JSON_TYPE} or ${PROTOBUF}`, undefined);
}

const inOurWords = (asked: NotificationRequested): Written => ({ asked: [asked], names: {} });

function readProtobuf(value: Uint8Array): Written | Refusal {
  try {
    return inOurWords(decode(NotificationRequestedSchema, value));
  } catch (error) {
    return new Refusal("undecodable", `The body is not a NotificationRequested in Protobuf: ${(error as Error).message}`, idWithin(value));
  }
}

/** The id even of what cannot be read as a whole: it is asked about by it. */
export function idWithin(value: Uint8Array): string | undefined {
  try {
    return new TextDecoder().decode(fieldWithin(value, NotificationRequestedSchema.field.notificationId.number));
  } catch {
    return undefined;
  }
}

/** The bytes of a field as they stand in an encoded message; undefined unless they stand there exactly once. */
export function fieldWithin(message: Uint8Array, number: number): Uint8Array | undefined {
  const reader = new BinaryReader(message);
  let found: Uint8Array | undefined;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field !== number || wireType !== WireType.LengthDelimited) reader.skip(wireType, field);
    else if (found) return undefined;
    else found = reader.bytes();
  }
  return found;
}

function readText(record: LogRecord, environment: string, destinations: readonly Destination[]): Written | Refusal {
  const json = jsonOf(record.value);
  try {
    const shape = shapeOf(json);
    return shape?.(record, environment, destinations) ?? inOurWords(readJson(NotificationRequestedSchema, record.value));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.reason === "MALFORMED_JSON") return new Refusal("undecodable", error.message.replace(/\.$/, ""), undefined);
    const body = (json ?? {}) as Readonly<Record<string, unknown>>;
    return new Refusal("invalid", error.violations, body.notificationId ?? idOf(environment, body));
  }
}

/** Null for what is none: whoever reads it says what is wrong with it. */
function jsonOf(value: Uint8Array): JsonValue {
  try {
    return JSON.parse(new TextDecoder().decode(value)) as JsonValue;
  } catch {
    return null;
  }
}
