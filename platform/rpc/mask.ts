/** What callers see of an error: a Problem in full, anything unknown only as INTERNAL with a request id that finds the stack in the log. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Logger } from "pino";
import { errors, Problem } from "#domain/errors.ts";
import { connectErrorOf, problemFrom, reasonOf, withReason } from "./problems.ts";

/** Codes that Connect itself answers with, in words that are fit for callers. */
const speakable: ReadonlySet<Code> = new Set([Code.Unimplemented, Code.InvalidArgument, Code.Canceled, Code.ResourceExhausted]);

export const internal = (requestId: string, cause?: unknown): Problem =>
  new Problem("INTERNAL", { message: `${errors.INTERNAL.says} Request id: ${requestId}`, cause });

/** As a ConnectError. What is masked already stays as it is, so it does no harm to mask twice. */
export function maskedError(error: unknown, requestId: string, logger: Logger): ConnectError {
  if (error instanceof Problem && error.reason !== "INTERNAL") return connectErrorOf(error);
  if (error instanceof ConnectError) {
    if (error.isWireError && reasonOf(error)) return connectErrorOf(problemFrom(error));
    if (reasonOf(error) || (!error.isWireError && speakable.has(error.code))) return withReason(error);
    if (error.code === Code.DeadlineExceeded) return connectErrorOf(new Problem("DEADLINE_EXCEEDED", { cause: error }));
  }
  if (error instanceof Error && error.name === "AbortError") return new ConnectError("the caller went away", Code.Canceled);
  logger.error({ err: error, requestId }, "internal error");
  return connectErrorOf(internal(requestId, error));
}

/** As a Problem, for the routes. */
export const maskedProblem = (error: unknown, requestId: string, logger: Logger): Problem =>
  problemFrom(maskedError(error, requestId, logger));
