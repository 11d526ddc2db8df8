/**
 * Whether Kafka answers, and for all partitions: asked for every few seconds, since what a process says of itself must not wait for a
 * question to the brokers.
 *
 * A process stays ready while some partitions have no leader. It does what is for the others, and no other process could do more; what is at
 * fault is told all the same.
 */
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Clock } from "#platform/clock.ts";
import type { Readiness } from "#platform/telemetry/health.ts";
import { gauge, lookUp } from "#platform/telemetry/metric.ts";
import type { Asking } from "./asking.ts";
import type { Fault } from "./metadata.ts";

const ASK_EVERY_MS = 5_000;
/** An append that is not acknowledged for so long says the same. */
const APPEND_LATE_MS = 10_000;
/** Partitions of a topic that are named in a sentence. */
const MOST_NAMED = 6;

const leaderless = gauge({
  name: "carillon_log_partitions_without_leader",
  help: "Partitions of the log that nobody leads, as this process was told last; all of a topic that is gone. What is for them waits.",
  labels: { topic: "the topic's name in Kafka" },
});

export interface HealthNeeds {
  readonly asking: Pick<Asking, "faults">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Registry | undefined;
  readonly brokers: readonly string[];
  /** Names in Kafka, with the partitions each has. */
  readonly topics: ReadonlyMap<string, number>;
  /** When the oldest append began that has not been acknowledged, but for those that wait for what nobody leads. */
  oldestAppendMs(): number | undefined;
}

export class Health {
  readonly #needs: HealthNeeds;
  readonly #stop = new AbortController();
  readonly #partitions: number;
  /** Undefined while no broker answers. */
  #faults: readonly Fault[] | undefined = [];
  /** What the log has been told. */
  #told = "";

  constructor(needs: HealthNeeds) {
    this.#needs = needs;
    this.#partitions = [...needs.topics.values()].reduce((sum, partitions) => sum + partitions, 0);
    if (needs.metrics)
      lookUp(leaderless, needs.metrics, () =>
        (this.#faults ?? []).map(({ topic, partitions }) => ({ labels: { topic }, value: partitions.length })),
      );
    void this.#ask();
  }

  now(): Readiness {
    const { clock, brokers, oldestAppendMs } = this.#needs;
    if (this.#faults === undefined) return { ok: false, why: [`kafka: no broker answers (${brokers.join(", ")})`] };
    const why = this.#faults.map((fault) => `kafka: ${sentenceOf(fault)}`);
    const lateMs = clock.nowMs() - (oldestAppendMs() ?? Number.POSITIVE_INFINITY);
    const isLate = lateMs > APPEND_LATE_MS;
    if (isLate) why.push(`kafka: an append has not been acknowledged for ${Math.round(lateMs / 1_000)} s`);
    const led = this.#partitions - this.#faults.reduce((sum, { partitions }) => sum + partitions.length, 0);
    return { ok: !isLate && led > 0, why };
  }

  stop(): void {
    this.#stop.abort();
  }

  async #ask(): Promise<void> {
    const { asking, clock } = this.#needs;
    for (;;) {
      await clock.sleep(ASK_EVERY_MS, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      this.#faults = await asking.faults();
      if (this.#faults) this.#tell(this.#faults.map(sentenceOf).join("; "));
    }
  }

  #tell(sentence: string): void {
    if (sentence === this.#told) return;
    this.#told = sentence;
    if (sentence === "") this.#needs.logger.info("every partition of Kafka has a leader again");
    else this.#needs.logger.warn(`Kafka: ${sentence}`);
  }
}

function sentenceOf({ topic, isMissing, partitions }: Fault): string {
  if (isMissing) return `there is no topic ${topic}; what is for it waits, everything else goes on`;
  const named = partitions.slice(0, MOST_NAMED).map((partition) => `${topic}/${partition}`);
  const more = partitions.length > MOST_NAMED ? ` and ${partitions.length - MOST_NAMED} more` : "";
  return `nobody leads ${named.join(", ")}${more}; what is for them waits, everything else goes on`;
}
