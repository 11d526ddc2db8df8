/** What one notification of several is answered with, in the contract's words; and an error of these as a Problem again. */
import { create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type ErrorReason, errors, Problem } from "#domain/errors.ts";
import {
  type SendError,
  SendErrorSchema,
  type SendResponse,
  SendResponseSchema,
  type SendResult,
  SendResultSchema,
} from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { codeOf } from "#platform/rpc/problems.ts";
import type { Taken } from "./intake.ts";

export const responseOf = ({ reservation, repeated }: Taken): SendResponse =>
  create(SendResponseSchema, {
    notificationId: reservation.notificationId,
    acceptedAt: timestampFromMs(reservation.acceptedAtMs),
    repeated,
  });

export const resultOf = (answer: Taken | Problem): SendResult =>
  create(SendResultSchema, {
    result: answer instanceof Problem ? { case: "error", value: errorOf(answer) } : { case: "accepted", value: responseOf(answer) },
  });

const errorOf = (problem: Problem): SendError => {
  const { reason, message, violations, retryAfterMs } = problem;
  return create(SendErrorSchema, {
    ...{ code: codeOf(problem), reason, message, violations: [...violations] },
    ...(retryAfterMs !== undefined && { retryDelay: durationFromMs(retryAfterMs) }),
  });
};

export const problemOf = ({ reason, message, violations, retryDelay }: SendError): Problem =>
  new Problem(Object.hasOwn(errors, reason) ? (reason as ErrorReason) : "INTERNAL", {
    message,
    violations: violations.map(({ field, description }) => ({ field, description })),
    ...(retryDelay && { retryAfterMs: durationMs(retryDelay) }),
  });
