/** What Prometheus is told of dead letters that were settled, and of replays. */
import type { Registry } from "prom-client";
import { counter, gauge, lookUp } from "#platform/telemetry/metric.ts";

export interface LetterMetrics {
  /** Dead letters that somebody wanted to be settled. */
  settled(outcome: "replayed" | "discarded" | "refused", count: number): void;
  /** A replay begins (1) or ends (-1) to stand still in this process. */
  troubled(more: 1 | -1): void;
  /** Asks how many replays nobody is at whenever somebody wants to know. */
  unattended(count: () => Promise<number>): void;
}

const settledTotal = counter({
  name: "carillon_dead_letters_settled_total",
  help: "Dead letters that were replayed or discarded, and those that a replay refused since they must not be sent any more; these stay.",
  labels: { outcome: "replayed, discarded, refused" },
});
const troubledReplays = gauge({
  name: "carillon_replays_troubled",
  help: "Replays of dead letters that this process has under way, and that stand still for what cannot be reached.",
  labels: {},
});

const unattendedReplays = gauge({
  name: "carillon_replays_unattended",
  help: "Replays of dead letters that have not ended, and that no process has under way, nor one that they wait for.",
  labels: {},
});

export function letterMetrics(registry: Registry): LetterMetrics {
  const settled = settledTotal.on(registry);
  const troubled = troubledReplays.on(registry);
  for (const outcome of ["replayed", "discarded", "refused"]) settled.inc({ outcome }, 0);
  troubled.set(0);
  return {
    settled: (outcome, count) => settled.inc({ outcome }, count),
    troubled: (more) => troubled.inc(more),
    unattended: (count) => lookUp(unattendedReplays, registry, async () => [{ labels: {}, value: await count() }]),
  };
}
