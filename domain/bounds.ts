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
const MAX_NOTIFICATION_BYTES = 256 * 1024;
/** Every recipient gets a copy on the way, and they are made at once. */
const MAX_FAN_OUT_BYTES = 32 * 1024 * 1024;
/** From acceptance to send_at. A wait is in the schedule's store, which keeps it longer than the log would. */
export const MAX_SEND_AT_MS = 180 * DAY_MS;
/** From send_at, or from acceptance without one. */
export const DEFAULT_EXPIRY_MS = 3 * DAY_MS;
/** Nothing may outlive the log that carries it. */
export const MAX_EXPIRY_MS = RETENTION_MS - DAY_MS;

const MAX_METADATA_BYTES = 16 * 1024;
/** Protobuf readers give up at 100 messages inside each other; an object in metadata takes three, and answers wrap it in some of theirs. */
const MAX_METADATA_DEPTH = 24;

/** Half of a surrogate pair (a JSON escape can write one) has no bytes in UTF-8, and no canonical form to be hashed. */
const NOT_TEXT = "must hold whole Unicode characters only, without a lone surrogate";

const utf8 = new TextEncoder();

/** What is wrong with the size of an encoded notification to so many; undefined when it fits. */
export function sizeFault(bytes: number, recipients: number): Violation | undefined {
  if (bytes > MAX_NOTIFICATION_BYTES) return { field: "content", description: "the whole notification must be at most 256 KiB" };
  const most = Math.floor(MAX_FAN_OUT_BYTES / bytes);
  if (recipients <= most) return undefined;
  return { field: "recipients", description: `must be at most ${most} for a notification of this size; send it in several` };
}

/** A notification has words of its own or takes a template's; undefined when it has the one or the other. */
export function wordsFault({ content, template }: { readonly content?: unknown; readonly template?: unknown }): Violation | undefined {
  if (content && template) return { field: "template", description: "cannot stand beside content: one or the other" };
  return content || template ? undefined : { field: "content", description: "is required, or a template" };
}

/** What is wrong with the caller's data; undefined when every reader down the way can read it. */
export const metadataFault = (metadata: JsonObject): string | undefined => valueFault(metadata, 1);

/** What is wrong with its size; undefined when it fits. Only for what `metadataFault` finds nothing wrong with. */
export function metadataSizeFault(metadata: JsonObject): Violation | undefined {
  if (utf8.encode(JSON.stringify(metadata)).length <= MAX_METADATA_BYTES) return undefined;
  return { field: "metadata", description: "must be at most 16 KiB as JSON" };
}

function valueFault(value: JsonValue, depth: number): string | undefined {
  if (typeof value === "number" && !Number.isFinite(value)) return "must hold finite numbers only";
  if (typeof value === "string" && !value.isWellFormed()) return NOT_TEXT;
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > MAX_METADATA_DEPTH) return `must be nested at most ${MAX_METADATA_DEPTH} deep`;
  if (!Array.isArray(value) && !Object.keys(value).every((key) => key.isWellFormed())) return NOT_TEXT;
  for (const inner of Array.isArray(value) ? value : Object.values(value)) {
    const fault = valueFault(inner, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
