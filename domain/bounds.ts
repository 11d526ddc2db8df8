/**
 * What a notification is held to at every door, beyond the rules that the contract writes on its fields. Pure.
 *
 * Times are durations in milliseconds.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Violation } from "#domain/errors.ts";
import { RETENTION_MS } from "#domain/topics.ts";

const DAY_MS = 24 * 3_600_000;

/** The whole of it, encoded. */
export const MAX_NOTIFICATION_BYTES = 256 * 1024;
/** Every recipient gets a copy on the way, and they are made at once. */
const MAX_FAN_OUT_BYTES = 32 * 1024 * 1024;
export const DEFAULT_EXPIRY_MS = 3 * DAY_MS;
/** Nothing may outlive the log that carries it. */
export const MAX_EXPIRY_MS = RETENTION_MS - DAY_MS;

const MAX_METADATA_BYTES = 16 * 1024;
/** Protobuf readers give up at 100 messages inside each other; an object in metadata takes three, and answers wrap it in some of theirs. */
const MAX_METADATA_DEPTH = 24;

const utf8 = new TextEncoder();

/** What is wrong with the size of an encoded notification to so many; undefined when it fits. */
export function sizeFault(bytes: number, recipients: number): Violation | undefined {
  if (bytes > MAX_NOTIFICATION_BYTES) return { field: "content", description: "the whole notification must be at most 256 KiB" };
  const most = Math.floor(MAX_FAN_OUT_BYTES / bytes);
  if (recipients <= most) return undefined;
  return { field: "recipients", description: `must be at most ${most} for a notification of this size; send it in several` };
}

/** What is wrong with the caller's data; undefined when every reader down the way can read it. */
export function metadataFault(metadata: JsonObject): string | undefined {
  const fault = valueFault(metadata, 1);
  if (fault !== undefined) return fault;
  return utf8.encode(JSON.stringify(metadata)).length > MAX_METADATA_BYTES ? "must be at most 16 KiB as JSON" : undefined;
}

function valueFault(value: JsonValue, depth: number): string | undefined {
  if (typeof value === "number" && !Number.isFinite(value)) return "must hold finite numbers only";
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > MAX_METADATA_DEPTH) return `must be nested at most ${MAX_METADATA_DEPTH} deep`;
  for (const inner of Array.isArray(value) ? value : Object.values(value)) {
    const fault = valueFault(inner, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
