/** IngestService: what proto/carillon/ingest/v1 promises, over the intake. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { Problem } from "#domain/errors.ts";
import {
  type IngestService,
  SendErrorSchema,
  type SendRequest,
  SendRequestSchema,
  type SendResponse,
  SendResponseSchema,
  SendResultSchema,
} from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { principalOf, traceOf } from "#platform/rpc/interceptors.ts";
import { codeOf } from "#platform/rpc/problems.ts";
import { validateMessage } from "#platform/rpc/validation.ts";
import { accept } from "./accept.ts";
import type { Intake, Taken } from "./intake.ts";
import type { Reservation, Reservations } from "./reservations.ts";

const responseOf = ({ reservation, repeated }: Taken): SendResponse =>
  create(SendResponseSchema, {
    notificationId: reservation.notificationId,
    acceptedAt: timestampFromMs(reservation.acceptedAtMs),
    repeated,
  });

const errorOf = (problem: Problem) => {
  const { reason, message, violations } = problem;
  return create(SendErrorSchema, { code: codeOf(problem), reason, message, violations: [...violations] });
};

/** The reservation, or the Problem that keeps this one out. */
function tryAccept(request: SendRequest, environment: string, nowMs: number): Reservation | Problem {
  try {
    const violations = validateMessage(SendRequestSchema, request);
    return violations.length > 0 ? new Problem("INVALID_REQUEST", { violations }) : accept(request, environment, nowMs);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

export const ingestService = (intake: Intake, reservations: Reservations, clock: Clock): ServiceImpl<typeof IngestService> => ({
  async send(request, context) {
    const { environment } = principalOf(context);
    const { traceparent, span } = traceOf(context);
    const reservation = accept(request, environment, clock.nowMs());
    span?.set({ "carillon.notification.id": reservation.notificationId });
    const [answer] = await intake.take([reservation], traceparent);
    span?.event("in the log");
    if (answer instanceof Problem) throw answer;
    return responseOf(answer as Taken);
  },

  async sendBatch(request, context) {
    const { environment } = principalOf(context);
    const nowMs = clock.nowMs();
    const tried = request.notifications.map((each) => tryAccept(each, environment, nowMs));
    const accepted = tried.filter((each): each is Reservation => !(each instanceof Problem));
    const { traceparent, span } = traceOf(context);
    const answers = await intake.take(accepted, traceparent);
    span?.event("in the log", { "messaging.batch.message_count": accepted.length });
    let next = 0;
    const results = tried.map((each) => {
      const answer = each instanceof Problem ? each : (answers[next++] as Taken | Problem);
      return create(SendResultSchema, {
        result: answer instanceof Problem ? { case: "error", value: errorOf(answer) } : { case: "accepted", value: responseOf(answer) },
      });
    });
    return { results };
  },

  async getAccepted({ notificationId }, context) {
    const found = await reservations.get(principalOf(context).environment, notificationId);
    if (!found?.accepted) throw new Problem("NOT_FOUND");
    return { requested: found.requested };
  },
});
