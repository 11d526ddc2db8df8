/**
 * From a request to what goes into the log: checks what the contract's rules cannot say, fills in defaults, derives the id.
 *
 * Pure but for the hashing. Throws Problem naming each wrong field.
 */
import { createHash } from "node:crypto";
import { toJson } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import canonicalize from "canonicalize";
import {
  DEFAULT_EXPIRY_MS,
  MAX_EXPIRY_MS,
  MAX_SEND_AT_MS,
  metadataFault,
  metadataSizeFault,
  sizeFault,
  wordsFault,
} from "#domain/bounds.ts";
import { normaliseEmail } from "#domain/channels/email.ts";
import { settleCategory } from "#domain/decide/category.ts";
import { Problem, type Violation } from "#domain/errors.ts";
import { notificationName, recipientKey } from "#domain/ids.ts";
import { recipientFaults, recipientWord } from "#domain/recipient.ts";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { type SendRequest, SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { encode } from "#platform/protobuf/codec.ts";
import type { Pinned } from "#platform/render/pin.ts";
import { uuidv5, uuidv7 } from "#platform/uuid.ts";
import type { Reservation } from "./reservations.ts";

/** A request that keeps every rule, as it would go into the log. */
export interface Candidate {
  readonly reservation: Reservation;
  /** Why it comes too late for a first time: its time is over, or its template is not what it was. A repeat of what was taken in time is answered all the same. */
  readonly late?: Problem;
}

/** Fields that make two requests with one key the same request; the version allows for other rules later. */
const hashOf = (request: SendRequest): string => {
  const fields = toJson(SendRequestSchema, { ...request, idempotencyKey: "" });
  return `v1:${createHash("sha256")
    .update(canonicalize(fields) as string)
    .digest("base64url")}`;
};

/** `template`: what became of the request's, where it names one. */
export function accept(request: SendRequest, environment: string, nowMs: number, template?: Pinned): Candidate {
  const violations: Violation[] = [];
  const fault = (field: string, description: string | undefined) => description !== undefined && violations.push({ field, description });
  // A time that has passed means at once, so that a repeat of a request is taken as the request was.
  const sendAtMs = Math.max(request.sendAt ? timestampMs(request.sendAt) : nowMs, nowMs);
  const since = sendAtMs > nowMs ? "send_at" : "now";
  fault("send_at", request.sendAt && timeFault(request.sendAt, nowMs + MAX_SEND_AT_MS, "must be at most 180 days from now"));
  const expiresAtMs = request.expiresAt ? timestampMs(request.expiresAt) : sendAtMs + DEFAULT_EXPIRY_MS;
  fault("expires_at", request.expiresAt && timeFault(request.expiresAt, sendAtMs + MAX_EXPIRY_MS, `must be at most 6 days from ${since}`));
  if (since === "send_at" && expiresAtMs <= sendAtMs) fault("expires_at", "must be after send_at");
  fault("metadata", request.metadata && metadataFault(request.metadata));
  fault("template.data", request.template?.data && metadataFault(request.template.data));
  const worded = wordsFault(request);
  if (worded) violations.push(worded);
  const recipients = request.recipients.map((recipient, index) => {
    const email = recipient.email === "" ? "" : normaliseEmail(recipient.email);
    if (email === undefined) fault(`recipients[${index}].email`, "must be one email address like ann@example.com");
    return { ...recipient, email: email ?? "" };
  });
  violations.push(...recipientFaults(recipients));
  const keyed = request.idempotencyKey !== "";
  const late: Violation[] = since === "now" && expiresAtMs <= nowMs ? [{ field: "expires_at", description: "must be in the future" }] : [];
  late.push(...(template?.violations ?? []));
  const mayRepeat = keyed && expiresAtMs > 0;
  if (violations.length > 0 || (late.length > 0 && !mayRepeat))
    throw new Problem("INVALID_REQUEST", { violations: [...late, ...violations] });
  refuseLarge(request.metadata && metadataSizeFault(request.metadata));

  const notificationId = keyed ? uuidv5(notificationName(environment, request.idempotencyKey)) : uuidv7(nowMs);
  const requested = encode(NotificationRequestedSchema, {
    notificationId,
    environment,
    recipients: recipients.map(({ userId, email }) => ({ userId, email })),
    ...{ tenant: request.tenant, actor: request.actor },
    eventType: request.eventType,
    category: settleCategory(request.category, request.eventType),
    ...(request.content && { content: request.content }),
    ...(template?.pinned && { template: template.pinned }),
    channels: request.channels,
    priority: request.priority,
    ...(request.metadata && { metadata: request.metadata }),
    acceptedAtMs: BigInt(nowMs),
    expiresAtMs: BigInt(expiresAtMs),
    sendAtMs: sendAtMs > nowMs ? BigInt(sendAtMs) : 0n,
  });
  refuseLarge(sizeFault(requested.byteLength, recipients.length));
  const [first] = recipients as [(typeof recipients)[0]];
  const key = recipientKey(environment, recipientWord(first, uuidv5));
  const hash = keyed ? hashOf({ ...request, recipients }) : "";
  return {
    reservation: { environment, notificationId, hash, requested, key, acceptedAtMs: nowMs, accepted: false },
    ...(late.length > 0 && { late: new Problem("INVALID_REQUEST", { violations: late }) }),
  };
}

function refuseLarge(fault: Violation | undefined): void {
  if (fault) throw new Problem("NOTIFICATION_TOO_LARGE", { violations: [fault] });
}

/** Beyond its being in the past. Other languages' clients can write any 32 bits as nanoseconds. */
function timeFault(time: Timestamp, mostMs: number, beyond: string): string | undefined {
  if (time.nanos < 0 || time.nanos > 999_999_999) return "must have 0 to 999999999 nanos";
  return timestampMs(time) > mostMs ? beyond : undefined;
}
