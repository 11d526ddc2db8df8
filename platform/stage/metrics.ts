/**
 * What stages tell Prometheus. Records are counted in plain numbers, a tally per topic; the registry hears of them once a batch. How far a
 * stage is behind is looked up when somebody scrapes.
 */
import type { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Reason } from "#domain/reasons.ts";
import type { Topic } from "#domain/topics.ts";
import { counter, gauge, histogram, lookUp } from "#platform/telemetry/metric.ts";

export interface Tally {
  in: number;
  done: number;
  buried: number;
}

const outcomes = ["in", "done", "buried"] as const;
const stage = "the stage's name";
const topic = "a topic that it reads";

const recordsTotal = counter({
  name: "carillon_stage_records_total",
  help: "Records a stage was handed (in), settled (done) and gave up on (buried).",
  labels: { stage, topic, outcome: "in, done, buried" },
});
const deadLettersTotal = counter({
  name: "carillon_dead_letters_total",
  help: "Records that a stage gave up on and put into its dead-letter topic.",
  labels: { stage, topic: "the dead-letter topic", reason: "docs/reasons.md" },
});
const handleSeconds = histogram({
  name: "carillon_stage_handle_seconds",
  help: "How long a stage took for a batch.",
  labels: { stage },
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
});
const inFlightRecords = gauge({
  name: "carillon_stage_in_flight",
  help: "Records handed out whose outcome is not durable yet.",
  labels: { stage },
});
const failuresTotal = counter({
  name: "carillon_stage_failures_total",
  help: "Batches that a stage failed on (of=handle) and outcomes that the log did not take at once (of=settle).",
  labels: { stage, of: "handle, settle" },
});
const stalledRecords = gauge({
  name: "carillon_stage_stalled_records",
  help: "Records that the watchdog holds to be standing still.",
  labels: { stage },
});
const lagRecords = gauge({
  name: "carillon_stage_lag_records",
  help: "Records between a stage's position and the end of the topic: what it still has to do.",
  labels: { stage, topic },
});
const oldestSeconds = gauge({
  name: "carillon_stage_oldest_record_age_seconds",
  help: "Age of the oldest record that was delivered to a stage of this process and is not settled; 0: there is none. Retry tiers wait on purpose.",
  labels: { stage, topic },
});

/** How far a stage is behind, by topic. */
export interface Behind {
  lag(topic: Topic): Promise<number>;
  oldestAgeMs(topic: Topic): number;
}

export class StageMetrics {
  readonly #stage: string;
  readonly #registry: Registry;
  readonly #reads: readonly Topic[];
  readonly #deadLetters: Topic;
  readonly #tallies: ReadonlyMap<string, Tally>;
  readonly #records: Counter<"stage" | "topic" | "outcome">;
  readonly #dead: Counter<"stage" | "topic" | "reason">;
  readonly #handle: Histogram<"stage">;
  readonly #inFlight: Gauge<"stage">;
  readonly #failures: Counter<"stage" | "of">;
  readonly #stalled: Gauge<"stage">;

  constructor(registry: Registry, { name, reads, deadLetters }: { name: string; reads: readonly Topic[]; deadLetters: Topic }) {
    this.#stage = name;
    this.#registry = registry;
    this.#reads = reads;
    this.#deadLetters = deadLetters;
    this.#tallies = new Map(reads.map((each) => [each.name, { in: 0, done: 0, buried: 0 }]));
    this.#records = recordsTotal.on(registry);
    this.#dead = deadLettersTotal.on(registry);
    this.#handle = handleSeconds.on(registry);
    this.#inFlight = inFlightRecords.on(registry);
    this.#failures = failuresTotal.on(registry);
    this.#stalled = stalledRecords.on(registry);
    // A counter that appears with its first event hides that event from Prometheus, which sees no increase.
    for (const each of reads) for (const outcome of outcomes) this.#records.inc({ stage: name, topic: each.name, outcome }, 0);
    for (const each of ["handle", "settle"]) this.#failures.inc({ stage: name, of: each }, 0);
    this.stalled(0);
    this.batchEnded(0);
  }

  /** What is looked up at every scrape from now on. */
  watch(behind: Behind): void {
    const samples = <T>(look: (topic: Topic) => T) =>
      this.#reads.map((each) => ({ labels: { stage: this.#stage, topic: each.name }, found: look(each) }));
    lookUp(lagRecords, this.#registry, () =>
      Promise.all(samples((each) => behind.lag(each)).map(async ({ labels, found }) => ({ labels, value: await found }))),
    );
    lookUp(oldestSeconds, this.#registry, () =>
      samples((each) => behind.oldestAgeMs(each)).map(({ labels, found }) => ({ labels, value: found / 1_000 })),
    );
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

  buried(reason: Reason): void {
    this.#dead.inc({ stage: this.#stage, topic: this.#deadLetters.name, reason });
  }

  failed(of: "handle" | "settle"): void {
    this.#failures.inc({ stage: this.#stage, of });
  }

  stalled(records: number): void {
    this.#stalled.set({ stage: this.#stage }, records);
  }
}
