/** What people hear of deliveries: a log line and a count for everything that happens to one. Ids and codes only, nobody's data. */
import type { Logger } from "pino";
import type { Reason } from "#domain/reasons.ts";
import type { Delivery } from "#gen/carillon/event/v1/event_pb.ts";
import type { DeliveryMetrics } from "#platform/telemetry/deliveries.ts";
import type { Deferred, Ended } from "./outcome.ts";

const idsOf = ({ deliveryId, notificationId, cycle, attempt, wait }: Delivery) => ({ deliveryId, notificationId, cycle, attempt, wait });

const LONG: ReadonlySet<Reason> = new Set(["provider_unavailable", "provider_paused", "rate_limited"]);

export interface ReportNeeds {
  readonly logger: Logger;
  readonly metrics: DeliveryMetrics;
}

export const reporting = ({ logger, metrics }: ReportNeeds) => ({
  ended(delivery: Delivery, { is, reason, attempt }: Ended, provider: string, code?: string): void {
    metrics.delivered({ provider, status: is, reason });
    const line = { ...idsOf(delivery), provider, reason, endsAttempt: attempt, code };
    if (is === "failed" || is === "dead" || is === "unresolved") logger.warn(line, `delivery ${is}`);
    else logger.info(line, `delivery ${is}`);
  },
  deferred(delivery: Delivery, { reason, attempt, dueAtMs }: Deferred, nowMs: number, provider: string, code?: string): void {
    metrics.delivered({ provider, status: "deferred", reason });
    const line = { ...idsOf(delivery), provider, reason, endsAttempt: attempt, code, dueInMs: dueAtMs - nowMs };
    // While it lasts, a delivery would say so again and again.
    if (LONG.has(reason) && delivery.wait > 0) logger.debug(line, "delivery deferred again");
    else logger.info(line, "delivery deferred");
  },
  repeat(delivery: Delivery): void {
    logger.info(idsOf(delivery), "a delivery's record came twice, dropped");
  },
});
