/** IngestService: what proto/carillon/ingest/v1 promises, over the intake. */
import type { ServiceImpl } from "@connectrpc/connect";
import { notFound, Problem } from "#domain/errors.ts";
import type { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { principalOf, traceOf } from "#platform/rpc/interceptors.ts";
import { accept } from "./accept.ts";
import { responseOf } from "./answer.ts";
import { costOf, sendBatch } from "./batch.ts";
import type { Cancelling } from "./cancel.ts";
import type { Intake, Taken } from "./intake.ts";
import { headerKeyOf, withKey } from "./key.ts";
import type { Reservations } from "./reservations.ts";
import type { SendShedder } from "./shed/shedder.ts";
import type { Pinning } from "./templates.ts";

interface Needs {
  readonly intake: Intake;
  readonly reservations: Reservations;
  readonly cancel: Cancelling;
  readonly pinned: Pinning;
  readonly clock: Clock;
  readonly shedder: SendShedder;
}

export const ingestService = (needs: Needs): ServiceImpl<typeof IngestService> => ({
  async send(request, context) {
    const { environment } = principalOf(context);
    const { traceparent, span } = traceOf(context);
    const work = needs.shedder.work(context);
    try {
      const ended = await work.turn(request.tenant, costOf(1, work.bodyBytes));
      try {
        const template = await needs.pinned(request, environment);
        const candidate = accept(withKey(request, headerKeyOf(context)), environment, needs.clock.nowMs(), template);
        span?.set({ "carillon.notification.id": candidate.reservation.notificationId });
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
  },

  async sendBatch(request, context) {
    const { environment } = principalOf(context);
    const { traceparent, span } = traceOf(context);
    const headerKey = headerKeyOf(context);
    const work = needs.shedder.work(context);
    try {
      const results = await sendBatch(request, { environment, headerKey, traceparent, work }, needs);
      span?.event("in the log", { "messaging.batch.message_count": results.filter(({ result }) => result.case === "accepted").length });
      return { results };
    } finally {
      work.leave();
    }
  },

  cancel: ({ notificationId }, context) => needs.cancel(principalOf(context).environment, notificationId),

  async getAccepted({ notificationId }, context) {
    const found = await needs.reservations.get(principalOf(context).environment, notificationId);
    if (!found?.accepted) throw notFound(`notification "${notificationId}"`);
    return { requested: found.requested };
  },
});
