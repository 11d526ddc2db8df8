/** What deliveries tell Prometheus. Other rooms that deliver count under the same names. */
import { Counter, Histogram, type Registry } from "prom-client";

export interface DeliveryMetrics {
  /** `status`: sent, failed, dead, expired or deferred. */
  delivered(status: string): void;
  sent(seconds: number): void;
}

const SEND_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 12];

export function deliveryMetrics(registry: Registry, channel: string): DeliveryMetrics {
  const registers = [registry];
  const deliveries =
    (registry.getSingleMetric("carillon_deliveries_total") as Counter<"channel" | "status"> | undefined) ??
    new Counter({
      ...{ name: "carillon_deliveries_total", registers, labelNames: ["channel", "status"] },
      help: "What became of deliveries, each time that one ended or was put off.",
    });
  const seconds =
    (registry.getSingleMetric("carillon_send_seconds") as Histogram<"channel"> | undefined) ??
    new Histogram({
      ...{ name: "carillon_send_seconds", registers, labelNames: ["channel"], buckets: SEND_BUCKETS_S },
      help: "How long a provider took for one send, whatever its answer.",
    });
  return {
    delivered: (status) => deliveries.inc({ channel, status }),
    sent: (took) => seconds.observe({ channel }, took),
  };
}
