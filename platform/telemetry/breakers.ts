/** What Prometheus is told of circuit breakers, each integration's for itself. */
import type { Registry } from "prom-client";
import type { BreakerState } from "#platform/limits/breaker.ts";
import { counter, gauge } from "./metric.ts";

export interface BreakerMetrics {
  /** As this process knows it. */
  known(provider: string, state: Pick<BreakerState, "phase" | "held" | "paused">): void;
  /** By a result of this process. */
  changed(provider: string, to: "opened" | "closed"): void;
}

const channel = "email";
const provider = "the integration's name: smtp, null";

const open = gauge({
  name: "carillon_breaker_open",
  help: "1 while the integration's breaker is open or half-open, as this process knows it: it is not sent to, but for a probe each minute.",
  labels: { channel, provider },
});
const changesTotal = counter({
  name: "carillon_breaker_changes_total",
  help: "Times that a breaker was opened (it had been closed) or closed, each counted by the one process whose result did it.",
  labels: { channel, provider, to: "opened, closed" },
});

const forced = gauge({
  name: "carillon_breaker_forced",
  help: "1 while an operator holds the integration's breaker open or closed, whatever the provider answers.",
  labels: { channel, provider },
});
const paused = gauge({
  name: "carillon_integration_paused",
  help: "1 while an operator has paused the integration: nothing is sent by it.",
  labels: { channel, provider },
});

export function breakerMetrics(registry: Registry, channel: string): BreakerMetrics {
  const isOpen = open.on(registry);
  const isForced = forced.on(registry);
  const isPaused = paused.on(registry);
  const changes = changesTotal.on(registry);
  return {
    known(provider, state) {
      isOpen.set({ channel, provider }, state.phase === "closed" ? 0 : 1);
      isForced.set({ channel, provider }, state.held ? 1 : 0);
      isPaused.set({ channel, provider }, state.paused ? 1 : 0);
      for (const to of ["opened", "closed"]) changes.inc({ channel, provider, to }, 0);
    },
    changed: (provider, to) => changes.inc({ channel, provider, to }),
  };
}
