/** IngestService: what proto/carillon/ingest/v1 promises, over the intake. */
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Logger } from "pino";
import { notFound, Problem } from "#domain/errors.ts";
import type { IngestService, SendBatchRequest, SendRequest } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { callKey } from "#platform/rpc/call.ts";
import { principalOf, traceOf } from "#platform/rpc/interceptors.ts";
import { accept } from "./accept.ts";
import { responseOf } from "./answer.ts";
import { costOf, sendBatch } from "./batch.ts";
import { type Cancelling, notCanceled } from "./cancel.ts";
import { type Intake, type Taken, unavailable } from "./intake.ts";
import { headerKeyOf, withKey } from "./key.ts";
import { answerInTime } from "./patience.ts";
import type { Reservations } from "./reservations.ts";
import type { SendShedder } from "./shed/shedder.ts";
import type { Pinning } from "./templates.ts";

interface Needs {
  readonly intake: Intake;
  readonly reservations: Reservations;
  readonly cancel: Cancelling;
  readonly pinned: Pinning;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly shedder: SendShedder;
}

const NOT_ANSWERED = "the log has not answered within the call's time";

export const ingestService = (needs: Needs): ServiceImpl<typeof IngestService> => ({
  send: (request, context) => answerInTime(context, sending(needs), (handed) => send(request, context, needs, handed)),

  sendBatch: (request, context) => answerInTime(context, sending(needs), (handed) => sendAll(request, context, needs, handed)),

  cancel: ({ notificationId }, context) =>
    answerInTime(context, { clock: needs.clock, late: () => notCanceled(new Error(NOT_ANSWERED)) }, (handed) => {
      handed();
      return needs.cancel(principalOf(context).environment, notificationId);
    }),

  async getAccepted({ notificationId }, context) {
    const found = await needs.reservations.get(principalOf(context).environment, notificationId);
    if (!found?.accepted) throw notFound(`notification "${notificationId}"`);
    return { requested: found.requested };
  },
});

const sending = ({ clock }: Needs) => ({ clock, late: () => unavailable(new Error(NOT_ANSWERED)) });

async function send(request: SendRequest, context: HandlerContext, needs: Needs, handed: () => void) {
  const { environment } = principalOf(context);
  const { traceparent, span } = traceOf(context);
  const work = needs.shedder.work(context);
  try {
    const ended = await work.turn(request.tenant, costOf(1, work.bodyBytes));
    try {
      const template = await needs.pinned(request, environment);
      const candidate = accept(withKey(request, headerKeyOf(context)), environment, needs.clock.nowMs(), template);
      span?.set({ "carillon.notification.id": candidate.reservation.notificationId });
      handed();
      const [answer] = await needs.intake.take([candidate], traceparent);
      span?.event("in the log");
      if (answer instanceof Problem) throw answer;
      return responseOf(answer as Taken);
    } finally {
      ended();
    }
  } finally {
    work.leave();
  }
}

async function sendAll(request: SendBatchRequest, context: HandlerContext, needs: Needs, handed: () => void) {
  const { environment } = principalOf(context);
  const { traceparent, span } = traceOf(context);
  const headerKey = headerKeyOf(context);
  const requestId = context.values.get(callKey)?.requestId ?? "";
  const work = needs.shedder.work(context);
  try {
    const results = await sendBatch(request, { environment, headerKey, traceparent, requestId, work, handed }, needs);
    span?.event("in the log", { "messaging.batch.message_count": results.filter(({ result }) => result.case === "accepted").length });
    return { results };
  } finally {
    work.leave();
  }
}
