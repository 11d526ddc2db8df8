/**
 * What stages tell Prometheus. Records are counted in plain numbers, a tally per topic; the registry hears of them once a batch.
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Topic } from "#domain/topics.ts";

export interface Tally {
  in: number;
  done: number;
  buried: number;
}

const outcomes = ["in", "done", "buried"] as const;
const HANDLE_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60];

export class StageMetrics {
  readonly #stage: string;
  readonly #tallies: ReadonlyMap<string, Tally>;
  readonly #records: Counter<"stage" | "topic" | "outcome">;
  readonly #handle: Histogram<"stage">;
  readonly #inFlight: Gauge<"stage">;
  readonly #failures: Counter<"stage" | "of">;
  readonly #stalled: Gauge<"stage">;

  constructor(registry: Registry, { name, reads }: { name: string; reads: readonly Topic[] }) {
    this.#stage = name;
    this.#tallies = new Map(reads.map((topic) => [topic.name, { in: 0, done: 0, buried: 0 }]));
    const registers = [registry];
    this.#records =
      (registry.getSingleMetric("carillon_stage_records_total") as Counter<"stage" | "topic" | "outcome"> | undefined) ??
      new Counter({
        ...{ name: "carillon_stage_records_total", registers, labelNames: ["stage", "topic", "outcome"] },
        help: "Records a stage was handed (in), settled (done) and gave up on (buried).",
      });
    this.#handle =
      (registry.getSingleMetric("carillon_stage_handle_seconds") as Histogram<"stage"> | undefined) ??
      new Histogram({
        ...{ name: "carillon_stage_handle_seconds", registers, labelNames: ["stage"], buckets: HANDLE_BUCKETS_S },
        help: "How long a stage took for a batch.",
      });
    this.#inFlight =
      (registry.getSingleMetric("carillon_stage_in_flight") as Gauge<"stage"> | undefined) ??
      new Gauge({
        ...{ name: "carillon_stage_in_flight", registers, labelNames: ["stage"] },
        help: "Records handed out whose outcome is not durable yet.",
      });
    this.#failures =
      (registry.getSingleMetric("carillon_stage_failures_total") as Counter<"stage" | "of"> | undefined) ??
      new Counter({
        ...{ name: "carillon_stage_failures_total", registers, labelNames: ["stage", "of"] },
        help: "Batches that a stage failed on (of=handle) and outcomes that the log did not take at once (of=settle).",
      });
    this.#stalled =
      (registry.getSingleMetric("carillon_stage_stalled_records") as Gauge<"stage"> | undefined) ??
      new Gauge({
        ...{ name: "carillon_stage_stalled_records", registers, labelNames: ["stage"] },
        help: "Records that the watchdog holds to be standing still.",
      });
    this.stalled(0);
    this.batchEnded(0);
  }

  tally(topic: Topic): Tally {
    const tally = this.#tallies.get(topic.name);
    if (!tally) throw new Error(`Stage ${this.#stage} was assigned ${topic.name}, which it does not read.`);
    return tally;
  }

  batchEnded(inFlight: number, handleSeconds?: number): void {
    if (handleSeconds !== undefined) this.#handle.observe({ stage: this.#stage }, handleSeconds);
    this.#inFlight.set({ stage: this.#stage }, inFlight);
    for (const [topic, tally] of this.#tallies) {
      for (const outcome of outcomes) {
        if (tally[outcome] > 0) this.#records.inc({ stage: this.#stage, topic, outcome }, tally[outcome]);
        tally[outcome] = 0;
      }
    }
  }

  failed(of: "handle" | "settle"): void {
    this.#failures.inc({ stage: this.#stage, of });
  }

  stalled(records: number): void {
    this.#stalled.set({ stage: this.#stage }, records);
  }
}
