/**
 * Problems on the wire: as a ConnectError with google.rpc details, as the JSON of the REST routes, and back again.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromString, codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { type ErrorReason, errors, Problem } from "#domain/errors.ts";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import type { HttpReply } from "./route.ts";

const DOMAIN = "carillon";

export const codeOf = (problem: Problem): Code => codeFromString(errors[problem.reason].code.toLowerCase()) ?? Code.Internal;

const errorInfo = (problem: Problem): MessageInitShape<typeof ErrorInfoSchema> => ({ reason: problem.reason, domain: DOMAIN });
const badRequest = (problem: Problem): MessageInitShape<typeof BadRequestSchema> => ({
  fieldViolations: problem.violations.map(({ field, description }) => ({ field, description })),
});
const retryInfo = (retryAfterMs: number): MessageInitShape<typeof RetryInfoSchema> => ({ retryDelay: durationFromMs(retryAfterMs) });

export const connectErrorOf = (problem: Problem): ConnectError =>
  new ConnectError(
    problem.message,
    codeOf(problem),
    headersOf(problem),
    [
      { desc: ErrorInfoSchema, value: errorInfo(problem) },
      ...(problem.violations.length > 0 ? [{ desc: BadRequestSchema, value: badRequest(problem) }] : []),
      ...(problem.retryAfterMs !== undefined ? [{ desc: RetryInfoSchema, value: retryInfo(problem.retryAfterMs) }] : []),
    ],
    problem,
  );

/** Whether an error is one of ours: it carries a reason of the catalogue. */
export const reasonOf = (error: ConnectError): ErrorReason | undefined => {
  const info = error.findDetails(ErrorInfoSchema).find((each) => each.domain === DOMAIN);
  return info && Object.hasOwn(errors, info.reason) ? (info.reason as ErrorReason) : undefined;
};

export const hasReason = (error: ConnectError): boolean => reasonOf(error) !== undefined;

/** What Connect itself answers (a deadline, a method that is not there) has a code but no reason. */
const reasonsOfCodes: Partial<Record<Code, ErrorReason>> = {
  [Code.InvalidArgument]: "INVALID_REQUEST",
  [Code.Unimplemented]: "NOT_IMPLEMENTED",
  [Code.NotFound]: "NOT_FOUND",
  [Code.Unauthenticated]: "UNAUTHENTICATED",
  [Code.PermissionDenied]: "PERMISSION_DENIED",
  [Code.ResourceExhausted]: "BODY_TOO_LARGE",
  [Code.DeadlineExceeded]: "DEADLINE_EXCEEDED",
};

/** Connect's own error with the reason that belongs to its code. */
export function withReason(error: ConnectError): ConnectError {
  const reason = hasReason(error) ? undefined : reasonsOfCodes[error.code];
  if (reason === undefined) return error;
  const info = { desc: ErrorInfoSchema, value: { reason, domain: DOMAIN } };
  return new ConnectError(error.rawMessage, error.code, error.isWireError ? {} : error.metadata, [info], error);
}

/** While a request is read: Connect calls a body that is no Protobuf message an internal error, though it is the caller's. */
export function readError(error: ConnectError): ConnectError {
  if (error.code !== Code.Internal || !error.rawMessage.startsWith("parse binary: ")) return withReason(error);
  return connectErrorOf(
    new Problem("INVALID_REQUEST", { message: "The body is not a Protobuf message of the type that it should be.", cause: error }),
  );
}

/** What HTTP itself refuses, whichever the protocol. Connect maps every other status from the code. */
const refusedByHttp: ReadonlySet<ErrorReason> = new Set<ErrorReason>([
  "BODY_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "METHOD_NOT_ALLOWED",
  "NOT_IMPLEMENTED",
]);

/** The HTTP status of a Connect call that failed. A body over the limit is no 429, which clients and proxies repeat by themselves. */
export function connectStatusOf(error: ConnectError): number {
  const reason = reasonOf(error);
  return reason !== undefined && refusedByHttp.has(reason) ? errors[reason].http : codeToHttpStatus(error.code);
}

/** The answer of a Connect call that was refused before it began. */
export function connectReplyOf(problem: Problem): HttpReply {
  const error = connectErrorOf(problem);
  const headers = { ...Object.fromEntries(error.metadata), "content-type": "application/json" };
  return { status: connectStatusOf(error), headers, body: errorToJsonBytes(error, undefined) };
}

/** What went wrong in a client call, as a Problem again. Anything that is neither ours nor Connect's is INTERNAL, with the cause kept. */
export function problemFrom(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (!(error instanceof ConnectError)) return new Problem("INTERNAL", { cause: error });
  const reason = reasonOf(error);
  if (reason === undefined) {
    const byCode = reasonsOfCodes[error.code];
    return byCode === "INVALID_REQUEST"
      ? new Problem(byCode, { message: error.rawMessage, cause: error })
      : new Problem(byCode ?? "INTERNAL", { cause: error });
  }
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return new Problem(reason, {
    message: error.rawMessage,
    violations: error
      .findDetails(BadRequestSchema)
      .flatMap((each) => each.fieldViolations.map(({ field, description }) => ({ field, description }))),
    ...(delay && { retryAfterMs: durationMs(delay) }),
    cause: error,
  });
}

/** For callers that know HTTP only. Retry-After counts whole seconds, and rounding down would call back too early. */
const headersOf = ({ reason, retryAfterMs }: Problem): Record<string, string> => ({
  ...(reason === "UNAUTHENTICATED" && { "www-authenticate": "Bearer" }),
  ...(retryAfterMs !== undefined && { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) }),
});

/** The answer of a REST route: `{"error":{"code","reason","message","violations"}}` under the catalogue's HTTP status. */
export const httpReplyOf = (problem: Problem): HttpReply => ({
  status: errors[problem.reason].http,
  headers: {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headersOf(problem),
  },
  body: JSON.stringify({
    error: { code: errors[problem.reason].code, reason: problem.reason, message: problem.message, violations: problem.violations },
  }),
});
