/**
 * The catalogue of errors that callers meet: a reason that never changes, the google.rpc code it travels under, and the HTTP status that
 * the REST facades answer. docs/errors.md is made from this table. Messages say what was wrong and what would be right, and hold no
 * person's data; anything thrown that is not a Problem is masked outside and logged inside.
 */
export const errors = {
  INVALID_REQUEST: {
    code: "INVALID_ARGUMENT",
    http: 400,
    says: "A field is missing, unknown or out of its bounds; the violations name each one.",
  },
  MALFORMED_JSON: { code: "INVALID_ARGUMENT", http: 400, says: "The body is not the JSON that this path takes." },
  IDEMPOTENCY_KEY_REUSED: {
    code: "INVALID_ARGUMENT",
    http: 422,
    says: "The idempotency key was used for a different request. Use a new key.",
  },
  NOT_FOUND: { code: "NOT_FOUND", http: 404, says: "There is no such thing in this environment." },
  ALREADY_EXISTS: { code: "ALREADY_EXISTS", http: 409, says: "There is one of that name already." },
  REVISION_OUTDATED: {
    code: "ABORTED",
    http: 409,
    says: "It was changed in between. Read it again, and repeat with the revision that it has now.",
  },
  TEMPLATES_UNAVAILABLE: {
    code: "UNAVAILABLE",
    http: 503,
    says: "The templates cannot be read now, and nothing was accepted. Repeat with the same idempotency key.",
  },
  UNSUPPORTED_MEDIA_TYPE: { code: "INVALID_ARGUMENT", http: 415, says: "This path takes content-type application/json, in UTF-8." },
  NOT_IMPLEMENTED: { code: "UNIMPLEMENTED", http: 404, says: "There is no such service, method or compression here." },
  METHOD_NOT_ALLOWED: { code: "UNIMPLEMENTED", http: 405, says: "This path does not answer that method." },
  BODY_TOO_LARGE: {
    code: "RESOURCE_EXHAUSTED",
    http: 413,
    says: "The body is larger than this path takes: 4 MiB for calls, 1 MiB elsewhere. Repeating it does not help; send several smaller ones.",
  },
  NOTIFICATION_TOO_LARGE: {
    code: "INVALID_ARGUMENT",
    http: 413,
    says: "A notification is at most 256 KiB, and 32 MiB over all its recipients; its metadata is at most 16 KiB.",
  },
  FORBIDDEN_HOST: { code: "PERMISSION_DENIED", http: 403, says: "Development mode answers only to the hosts localhost and 127.0.0.1." },
  FORBIDDEN_ORIGIN: { code: "PERMISSION_DENIED", http: 403, says: "Pages of other origins may not call this." },
  UNAUTHENTICATED: { code: "UNAUTHENTICATED", http: 401, says: "The credential is missing, wrong or expired." },
  TOO_MANY_FAILURES: {
    code: "RESOURCE_EXHAUSTED",
    http: 429,
    says: "The credential is missing, wrong or expired, and so were too many before it from this address. Wait before the next try.",
  },
  PERMISSION_DENIED: { code: "PERMISSION_DENIED", http: 403, says: "The credential does not allow this." },
  LOG_UNAVAILABLE: {
    code: "UNAVAILABLE",
    http: 503,
    says: "The event log cannot take it now, or its answer was lost. Repeat with the same idempotency key.",
  },
  MODULE_UNAVAILABLE: {
    code: "UNAVAILABLE",
    http: 503,
    says: "A part of the service does not answer now. Repeat.",
  },
  STARTING: { code: "UNAVAILABLE", http: 503, says: "The process is starting. Repeat." },
  STORE_UNAVAILABLE: {
    code: "UNAVAILABLE",
    http: 503,
    says: "A store behind this cannot be reached now, or its answer was lost: it may have been done. Repeat.",
  },
  DRAINING: { code: "UNAVAILABLE", http: 503, says: "The process is shutting down. Repeat." },
  OVERLOADED: {
    code: "RESOURCE_EXHAUSTED",
    http: 429,
    says: "More is asked of this process than it can take, and of what it takes this sender has its share. Nothing was accepted. Repeat after the time that is told, with the same idempotency key.",
  },
  TOO_MANY_WATCHERS: {
    code: "RESOURCE_EXHAUSTED",
    http: 429,
    says: "This process holds as many watchers as it takes. Ask with GetNotification, or watch later.",
  },
  TOO_MANY_REPLAYS: {
    code: "RESOURCE_EXHAUSTED",
    http: 429,
    says: "As many replays of dead letters as may wait have not ended. Wait for one, or cancel it.",
  },
  DEADLINE_EXCEEDED: { code: "DEADLINE_EXCEEDED", http: 504, says: "It took longer than the caller's or the server's deadline." },
  INTERNAL: { code: "INTERNAL", http: 500, says: "Something failed inside; the request id finds it in the log." },
} as const;

export type ErrorReason = keyof typeof errors;

/** One wrong field: its path as the caller wrote it, and what would be right. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** What programs show of an error is often its message alone, so it says the first thing that is wrong. */
const summary = ([first, ...more]: readonly Violation[]): string | undefined =>
  first && `${first.field}: ${first.description}${more.length > 0 ? ` (and ${more.length} more)` : ""}`;

export class Problem extends Error {
  readonly reason: ErrorReason;
  readonly violations: readonly Violation[];
  /** How long to wait before repeating, where repeating makes sense. */
  readonly retryAfterMs: number | undefined;

  constructor(
    reason: ErrorReason,
    more: { message?: string; violations?: readonly Violation[]; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(more.message ?? summary(more.violations ?? []) ?? errors[reason].says, { cause: more.cause });
    this.name = "Problem";
    this.reason = reason;
    this.violations = more.violations ?? [];
    this.retryAfterMs = more.retryAfterMs;
  }
}

/**
 * What was asked for is not there, or is another environment's, which is answered alike. `what` is its kind and the caller's own word for
 * it; a person goes without, for their id is theirs.
 */
export const notFound = (what: string, where = "in this environment"): Problem =>
  new Problem("NOT_FOUND", { message: `There is no ${what} ${where}.` });
