/**
 * Whether a record of the raw topic is let in: ingest's rules once more, since anybody may write there, and then what was left open is
 * filled in. The same record is settled the same way every time it is read.
 */
import { create } from "@bufbuild/protobuf";
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
import type { Violation } from "#domain/errors.ts";
import { rawEventName } from "#domain/ids.ts";
import type { Reason } from "#domain/reasons.ts";
import { recipientFaults } from "#domain/recipient.ts";
import { type NotificationRequested, NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { RecipientSchema, SendRequestSchema, TemplateUseSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { LogRecord } from "#platform/log/log.ts";
import { encode } from "#platform/protobuf/codec.ts";
import { decodeKnown } from "#platform/protobuf/known.ts";
import { ACCEPTED_AT_HEADER, acceptedAtOf } from "#platform/raw/accepted-at.ts";
import type { Owner } from "#platform/raw/door.ts";
import { isId } from "#platform/raw/id.ts";
import { validateMessage } from "#platform/rpc/validation.ts";
import type { Destination } from "#platform/shapes/broadcast.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { isProtobuf, readRaw } from "./raw.ts";
import { Refusal } from "./refusal.ts";
import type { Written } from "./shapes.ts";

export interface Admitted {
  readonly asked: NotificationRequested;
  /** The same, encoded: the record's own bytes where nothing was left open. */
  readonly requested: Uint8Array;
}

/** How far the clock of a writer may be ahead. */
const SKEW_MS = 3_600_000;
/** Epoch milliseconds have been more than this since 1973, and epoch seconds will not be before the year 5138. */
const LEAST_MS = 100_000_000_000;
/** The year 2223: a writer may put any time on a record, and what follows from it has to remain a date. */
const MOST_MS = 8_000_000_000_000;

/** What the router let in when it was asked, and parked until now. */
export const admitDue = ({ value }: LogRecord): Admitted => ({ asked: decodeKnown(NotificationRequestedSchema, value), requested: value });

/** `owner`: whose the record is. `destinations`: where a message to everybody goes. One that is refused takes the others along. */
export function admit(record: LogRecord, owner: Owner, destinations: readonly Destination[]): readonly Admitted[] | Refusal {
  const { environment, fault } = owner;
  if (environment === undefined || fault !== undefined) return new Refusal("unproven_origin", fault ?? "", undefined);
  const written = readRaw(record, environment, destinations);
  if (written instanceof Refusal) return written;
  const acceptedAtMs = acceptedAtOf(record);
  if (acceptedAtMs === undefined)
    return new Refusal("invalid", `${ACCEPTED_AT_HEADER}: must be epoch milliseconds, or left out`, undefined);
  const admitted: Admitted[] = [];
  for (const asked of written.asked) {
    const aged = asked.acceptedAtMs === 0n && acceptedAtMs !== 0n ? { ...asked, acceptedAtMs } : asked;
    const one = admitOne(aged, written.names, record, environment);
    if (one instanceof Refusal) return one;
    admitted.push(one);
  }
  return admitted;
}

function admitOne(asked: NotificationRequested, names: Written["names"], record: LogRecord, environment: string): Admitted | Refusal {
  const refuse = (reason: Reason, violations: readonly Violation[]) =>
    new Refusal(reason, inTheirWords(violations, names), asked.notificationId);
  const emails = asked.recipients.map(({ email }) => (email === "" ? "" : normaliseEmail(email)));
  const violations = violationsOf(asked, emails, record, environment);
  if (violations.length > 0) return refuse("invalid", violations);
  const settled = settle(asked, emails as string[], record, environment);
  const requested = settled === asked && isProtobuf(record) ? record.value : encode(NotificationRequestedSchema, settled);
  const fault = sizeFault(requested.byteLength, asked.recipients.length);
  return fault ? refuse("oversize", [fault]) : { asked: settled, requested };
}

const inTheirWords = (violations: readonly Violation[], names: Written["names"]): Violation[] =>
  violations.map(({ field, description }) => ({ field: names[field] ?? field, description }));

/** `emails` are the recipients' in their normal form; undefined where there is none. */
function violationsOf(
  asked: NotificationRequested,
  emails: readonly (string | undefined)[],
  { timeMs }: LogRecord,
  environment: string,
): Violation[] {
  const violations = validateMessage(SendRequestSchema, requestOf(asked));
  const fault = (field: string, description: string) => violations.push({ field, description });
  for (const [index, email] of emails.entries()) {
    const field = `recipients[${index}].email`;
    if (email === undefined && !violations.some((each) => each.field === field))
      fault(field, "must be one email address like ann@example.com");
  }
  violations.push(...recipientFaults(asked.recipients.map(({ userId }, index) => ({ userId, email: emails[index] ?? "" }))));
  if (asked.notificationId !== "" && !isId(asked.notificationId)) fault("notification_id", "must be a UUID, or left out");
  if (asked.environment !== "" && asked.environment !== environment)
    fault("environment", `must be "${environment}", which this topic belongs to, or left out`);
  const worded = wordsFault(asked);
  if (worded) violations.push(worded);
  const data = asked.template?.data && metadataFault(asked.template.data);
  if (data !== undefined) fault("template.data", data);
  const metadata = asked.metadata && (metadataFault(asked.metadata) ?? metadataSizeFault(asked.metadata)?.description);
  if (metadata !== undefined) fault("metadata", metadata);
  if (timeMs < LEAST_MS || timeMs > MOST_MS) fault("(record)", "must have the time at which it was written as its timestamp");
  const acceptedAtMs = Number(asked.acceptedAtMs);
  const expiresAtMs = Number(asked.expiresAtMs);
  if (acceptedAtMs !== 0 && acceptedAtMs < LEAST_MS) fault("accepted_at_ms", "must be epoch milliseconds, or left out");
  if (acceptedAtMs > timeMs + SKEW_MS) fault("accepted_at_ms", "must not be later than the record itself");
  if (expiresAtMs !== 0 && expiresAtMs < LEAST_MS) fault("expires_at_ms", "must be epoch milliseconds, or left out");
  const sendAtMs = Number(asked.sendAtMs);
  const sinceMs = acceptedAtMs || timeMs;
  if (sendAtMs !== 0 && sendAtMs < LEAST_MS) fault("send_at_ms", "must be epoch milliseconds, or left out");
  if (sendAtMs > sinceMs + MAX_SEND_AT_MS) fault("send_at_ms", "must be at most 180 days after accepted_at_ms");
  if (sendAtMs > 0 && expiresAtMs !== 0 && expiresAtMs <= sendAtMs) fault("expires_at_ms", "must be after send_at_ms");
  if (expiresAtMs > Math.max(sendAtMs, sinceMs) + MAX_EXPIRY_MS)
    fault("expires_at_ms", "must be at most 6 days after send_at_ms or, without one, accepted_at_ms");
  return violations;
}

/** What ingest would have been asked, whose contract has the rules. */
function requestOf({ recipients, content, template, metadata, ...asked }: NotificationRequested) {
  const { tenant, actor, eventType, category, channels, priority } = asked;
  return create(SendRequestSchema, {
    recipients: recipients.map(({ userId, email }) => create(RecipientSchema, { userId, email })),
    ...{ tenant, actor, eventType, category, channels, priority },
    ...(content && { content }),
    ...(template && { template: create(TemplateUseSchema, { name: template.name, locale: template.locale }) }),
    ...(metadata && { metadata }),
  });
}

/** The same object when nothing was left open. */
function settle(
  asked: NotificationRequested,
  emails: readonly string[],
  { topic, partition, offset, timeMs }: LogRecord,
  environment: string,
): NotificationRequested {
  const { notificationId, category, acceptedAtMs, expiresAtMs, recipients } = asked;
  const whole = asked.environment !== "" && notificationId !== "" && category !== "" && acceptedAtMs !== 0n && expiresAtMs !== 0n;
  if (whole && recipients.every(({ email }, index) => email === emails[index])) return asked;
  const sinceMs = acceptedAtMs || BigInt(timeMs);
  return {
    ...asked,
    environment,
    notificationId: notificationId || uuidv5(rawEventName(topic.name, partition, offset, timeMs)),
    recipients: recipients.map((each, index) => ({ ...each, email: emails[index] as string })),
    category: settleCategory(category, asked.eventType),
    acceptedAtMs: sinceMs,
    expiresAtMs: expiresAtMs || (asked.sendAtMs > sinceMs ? asked.sendAtMs : sinceMs) + BigInt(DEFAULT_EXPIRY_MS),
  };
}
