/**
 * From a request to what goes into the log: checks what the contract's rules cannot say, fills in defaults, derives the id.
 *
 * Pure but for the hashing. Throws Problem naming each wrong field.
 */
import { createHash } from "node:crypto";
import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import canonicalize from "canonicalize";
import { DEFAULT_EXPIRY_MS, MAX_EXPIRY_MS, MAX_NOTIFICATION_BYTES, metadataFault } from "#domain/bounds.ts";
import { normaliseEmail } from "#domain/channels/email.ts";
import { settleCategory } from "#domain/decide/category.ts";
import { Problem, type Violation } from "#domain/errors.ts";
import { notificationName, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { type SendRequest, SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { uuidv5, uuidv7 } from "#platform/uuid.ts";
import type { Reservation } from "./reservations.ts";

/** A request that keeps every rule, as it would go into the log. */
export interface Candidate {
  readonly reservation: Reservation;
  /** Why it comes too late for a first time. A repeat of what was taken in time is answered all the same. */
  readonly late?: Problem;
}

/** Fields that make two requests with one key the same request; the version allows for other rules later. */
const hashOf = (request: SendRequest): string => {
  const fields = toJson(SendRequestSchema, { ...request, idempotencyKey: "" });
  return `v1:${createHash("sha256")
    .update(canonicalize(fields) as string)
    .digest("base64url")}`;
};

export function accept(request: SendRequest, environment: string, nowMs: number): Candidate {
  const violations: Violation[] = [];
  const fault = (field: string, description: string | undefined) => description !== undefined && violations.push({ field, description });
  const expiresAtMs = request.expiresAt ? timestampMs(request.expiresAt) : nowMs + DEFAULT_EXPIRY_MS;
  fault("expires_at", request.expiresAt && timeFault(request.expiresAt, nowMs));
  fault("metadata", request.metadata && metadataFault(request.metadata));
  const recipients = request.recipients.map((recipient, index) => {
    const email = recipient.email === "" ? "" : normaliseEmail(recipient.email);
    if (email === undefined) fault(`recipients[${index}].email`, "must be one email address like ann@example.com");
    return { ...recipient, email: email ?? "" };
  });
  const keyed = request.idempotencyKey !== "";
  const late: Violation[] = expiresAtMs <= nowMs ? [{ field: "expires_at", description: "must be in the future" }] : [];
  const mayRepeat = keyed && expiresAtMs > 0;
  if (violations.length > 0 || (late.length > 0 && !mayRepeat))
    throw new Problem("INVALID_REQUEST", { violations: [...late, ...violations] });

  const notificationId = keyed ? uuidv5(notificationName(environment, request.idempotencyKey)) : uuidv7(nowMs);
  const requested = toBinary(
    NotificationRequestedSchema,
    create(NotificationRequestedSchema, {
      notificationId,
      environment,
      recipients: recipients.map(({ userId, email }) => ({ userId, email })),
      actor: request.actor,
      eventType: request.eventType,
      category: settleCategory(request.category, request.eventType),
      ...(request.content && { content: request.content }),
      channels: request.channels,
      priority: request.priority,
      ...(request.metadata && { metadata: request.metadata }),
      acceptedAtMs: BigInt(nowMs),
      expiresAtMs: BigInt(expiresAtMs),
    }),
  );
  if (requested.byteLength > MAX_NOTIFICATION_BYTES)
    throw new Problem("NOTIFICATION_TOO_LARGE", {
      violations: [{ field: "content", description: "the whole notification must be at most 256 KiB" }],
    });
  const [first] = recipients as [(typeof recipients)[0]];
  const key = recipientKey(environment, recipientWord(first, uuidv5));
  const hash = keyed ? hashOf({ ...request, recipients }) : "";
  return {
    reservation: { environment, notificationId, hash, requested, key, acceptedAtMs: nowMs, accepted: false },
    ...(late.length > 0 && { late: new Problem("INVALID_REQUEST", { violations: late }) }),
  };
}

/** Beyond its being in the past. Other languages' clients can write any 32 bits as nanoseconds. */
function timeFault(time: Timestamp, nowMs: number): string | undefined {
  if (time.nanos < 0 || time.nanos > 999_999_999) return "must have 0 to 999999999 nanos";
  return timestampMs(time) > nowMs + MAX_EXPIRY_MS ? "must be at most 6 days from now" : undefined;
}
