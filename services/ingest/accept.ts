/**
 * From a request to what goes into the log: checks what the contract's rules cannot say, fills in defaults, derives the id.
 *
 * Pure but for the hashing. Throws Problem naming each wrong field.
 */
import { createHash } from "node:crypto";
import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import canonicalize from "canonicalize";
import { normaliseEmail } from "#domain/channels/email.ts";
import { settleCategory } from "#domain/decide/category.ts";
import { Problem, type Violation } from "#domain/errors.ts";
import { notificationName, recipientKey } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import { RETENTION_MS } from "#domain/topics.ts";
import { NotificationRequestedSchema, type UsedTemplate } from "#gen/carillon/event/v1/event_pb.ts";
import { type SendRequest, SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { uuidv5, uuidv7 } from "#platform/uuid.ts";
import type { Reservation } from "./reservations.ts";

const MAX_NOTIFICATION_BYTES = 256 * 1024;
const MAX_METADATA_BYTES = 16 * 1024;
const DAY_MS = 24 * 3_600_000;
const DEFAULT_EXPIRY_MS = 3 * DAY_MS;
const MAX_EXPIRY_MS = RETENTION_MS - DAY_MS;

/** Fields that make two requests with one key the same request; the version allows for other rules later. */
const hashOf = (request: SendRequest): string => {
  const fields = toJson(SendRequestSchema, { ...request, idempotencyKey: "" });
  return `v1:${createHash("sha256")
    .update(canonicalize(fields) as string)
    .digest("base64url")}`;
};

/** The id that goes with the request's key. */
export const keyedId = ({ idempotencyKey }: SendRequest, environment: string): string =>
  uuidv5(notificationName(environment, idempotencyKey));

/** `template`: the request's, pinned. */
export function accept(request: SendRequest, environment: string, nowMs: number, template?: UsedTemplate): Reservation {
  const violations: Violation[] = [];
  if (!request.content && !request.template) violations.push({ field: "content", description: "is required, or a template" });
  if (request.content && request.template)
    violations.push({ field: "template", description: "cannot stand beside content: one or the other" });
  const expiresAtMs = request.expiresAt ? timestampMs(request.expiresAt) : nowMs + DEFAULT_EXPIRY_MS;
  if (expiresAtMs <= nowMs) violations.push({ field: "expires_at", description: "must be in the future" });
  if (expiresAtMs > nowMs + MAX_EXPIRY_MS) violations.push({ field: "expires_at", description: "must be at most 6 days from now" });
  if (request.metadata && Buffer.byteLength(JSON.stringify(request.metadata)) > MAX_METADATA_BYTES)
    violations.push({ field: "metadata", description: "must be at most 16 KiB as JSON" });
  const recipients = request.recipients.map(({ userId, email }, index) => {
    const address = email === "" ? "" : normaliseEmail(email);
    if (address === undefined)
      violations.push({ field: `recipients[${index}].email`, description: "must be one email address like ann@example.com" });
    return { userId, email: address ?? "" };
  });
  if (violations.length > 0) throw new Problem("INVALID_REQUEST", { violations });

  const keyed = request.idempotencyKey !== "";
  const notificationId = keyed ? keyedId(request, environment) : uuidv7(nowMs);
  const requested = toBinary(
    NotificationRequestedSchema,
    create(NotificationRequestedSchema, {
      notificationId,
      environment,
      recipients,
      actor: request.actor,
      eventType: request.eventType,
      category: settleCategory(request.category, request.eventType),
      ...(request.content && { content: request.content }),
      ...(template && { template }),
      channels: request.channels,
      priority: request.priority,
      ...(request.metadata && { metadata: request.metadata }),
      acceptedAtMs: BigInt(nowMs),
      expiresAtMs: BigInt(expiresAtMs),
    }),
  );
  if (requested.byteLength > MAX_NOTIFICATION_BYTES)
    throw new Problem("NOTIFICATION_TOO_LARGE", {
      violations: [{ field: template ? "template.data" : "content", description: "the whole notification must be at most 256 KiB" }],
    });
  const [first] = recipients as [(typeof recipients)[0]];
  const key = recipientKey(environment, recipientWord(first, uuidv5));
  return { environment, notificationId, hash: keyed ? hashOf(request) : "", requested, key, acceptedAtMs: nowMs, accepted: false };
}
