/** IngestService: what proto/carillon/ingest/v1 promises, over the intake. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { notFound, Problem } from "#domain/errors.ts";
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
import { accept, type Candidate } from "./accept.ts";
import type { Cancelling } from "./cancel.ts";
import type { Intake, Taken } from "./intake.ts";
import { headerKeyOf, withKey } from "./key.ts";
import type { Reservations } from "./reservations.ts";
import type { Pinning } from "./templates.ts";

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

interface Needs {
  readonly intake: Intake;
  readonly reservations: Reservations;
  readonly cancel: Cancelling;
  readonly pinned: Pinning;
  readonly clock: Clock;
}

/** What would go into the log, or the Problem that keeps this one out. */
async function tryAccept(
  request: SendRequest,
  headerKey: string,
  environment: string,
  { pinned, clock }: Needs,
): Promise<Candidate | Problem> {
  try {
    const violations = validateMessage(SendRequestSchema, request);
    if (violations.length > 0) return new Problem("INVALID_REQUEST", { violations });
    return accept(withKey(request, headerKey), environment, clock.nowMs(), await pinned(request, environment));
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

export const ingestService = (needs: Needs): ServiceImpl<typeof IngestService> => ({
  async send(request, context) {
    const { environment } = principalOf(context);
    const { traceparent, span } = traceOf(context);
    const template = await needs.pinned(request, environment);
    const candidate = accept(withKey(request, headerKeyOf(context)), environment, needs.clock.nowMs(), template);
    span?.set({ "carillon.notification.id": candidate.reservation.notificationId });
    const [answer] = await needs.intake.take([candidate], traceparent);
    span?.event("in the log");
    if (answer instanceof Problem) throw answer;
    return responseOf(answer as Taken);
  },

  async sendBatch(request, context) {
    const { environment } = principalOf(context);
    const headerKey = headerKeyOf(context);
    const tried = await Promise.all(
      request.notifications.map((each, at) => tryAccept(each, headerKey && `${headerKey}/${at}`, environment, needs)),
    );
    const accepted = tried.filter((each): each is Candidate => !(each instanceof Problem));
    const { traceparent, span } = traceOf(context);
    const answers = await needs.intake.take(accepted, traceparent);
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

  cancel: ({ notificationId }, context) => needs.cancel(principalOf(context).environment, notificationId),

  async getAccepted({ notificationId }, context) {
    const found = await needs.reservations.get(principalOf(context).environment, notificationId);
    if (!found?.accepted) throw notFound(`notification "${notificationId}"`);
    return { requested: found.requested };
  },
});
