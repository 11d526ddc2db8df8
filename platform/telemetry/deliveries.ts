/** What rooms that deliver tell Prometheus, each for its channel. */
import type { Registry } from "prom-client";
import { counter, gauge, histogram } from "./metric.ts";

export interface DeliveryMetrics {
  /** `status`: sent, failed, dead, expired, canceled, suppressed, erased, unresolved or deferred. */
  delivered(about: { readonly provider: string; readonly status: string; readonly reason: string }): void;
  /** `outcome`: what the provider answered. */
  asked(about: { readonly provider: string; readonly outcome: string; readonly again: boolean }, seconds: number): void;
  /** `more`: 1 when the answer to a message that was handed over begins to take long, -1 when that wait has ended; 0 shows that there is none. */
  overdue(about: { readonly provider: string }, more: 1 | 0 | -1): void;
  /** A delivery that one integration did not take was given to the next; 0 shows that none was. */
  failedOver(about: { readonly from: string; readonly to: string }, more?: 1 | 0): void;
}

const channel = "email, web";
const provider = "who delivers on that channel: the integration's name (smtp where there is one), null, mailbox, inbox";

const deliveriesTotal = counter({
  name: "carillon_deliveries_total",
  help: "What became of deliveries, each time that one ended or was put off (deferred).",
  labels: {
    channel,
    provider,
    status: "sent, failed, dead, expired, canceled, suppressed, erased, unresolved, deferred",
    reason: "docs/reasons.md",
  },
});
const sendSeconds = histogram({
  name: "carillon_send_seconds",
  help: "How long a provider took for one send.",
  labels: { channel, provider, outcome: "accepted, rejected, retry (refused for now), outage, unknown (no answer)" },
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 12, 30, 60, 120, 300],
});
const overdueSends = gauge({
  name: "carillon_sends_overdue",
  help: "Messages that were handed over whole and have waited long for the provider's answer; each waits for five minutes at most.",
  labels: { channel, provider },
});
const retriesTotal = counter({
  name: "carillon_send_retries_total",
  help: "Sends that were not the first of their delivery: after a refusal, an outage, or an outcome that nobody knows.",
  labels: { channel, provider },
});
const failoversTotal = counter({
  name: "carillon_failovers_total",
  help: "Sends that one integration did not take, being out, and that were given to the next one at once.",
  labels: { channel, from: "the integration's name", to: "the next one's" },
});

export function deliveryMetrics(registry: Registry, channel: string): DeliveryMetrics {
  const deliveries = deliveriesTotal.on(registry);
  const seconds = sendSeconds.on(registry);
  const retries = retriesTotal.on(registry);
  const overdue = overdueSends.on(registry);
  const failovers = failoversTotal.on(registry);
  return {
    delivered: (about) => deliveries.inc({ channel, ...about }),
    asked({ provider, outcome, again }, took) {
      seconds.observe({ channel, provider, outcome }, took);
      if (again) retries.inc({ channel, provider });
    },
    overdue: ({ provider }, more) => overdue.inc({ channel, provider }, more),
    failedOver: (about, more = 1) => failovers.inc({ channel, ...about }, more),
  };
}
