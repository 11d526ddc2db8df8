/**
 * Questions to the cluster: one connection for all of them, asked again when leaders or coordinators have moved, UNAVAILABLE when the
 * answer does not come in time.
 */
import type { Clock } from "#platform/clock.ts";
import { within } from "./failures.ts";
import type { Cluster } from "./internals.ts";

const ANSWER_MS = 15_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export class Asking {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #topics: readonly string[];
  readonly #stop = new AbortController();

  /** `topics` by their names in Kafka. */
  constructor(cluster: Cluster, clock: Clock, topics: readonly string[]) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#topics = topics;
  }

  /** A RangeError is an answer too. */
  ask<T>(what: string, question: (cluster: Cluster) => Promise<T>): Promise<T> {
    return within(ANSWER_MS, this.#clock, what, this.#untilAnswered(question));
  }

  /** Whether any broker answers. Also learns anew who leads what. */
  async anyoneThere(ms: number): Promise<boolean> {
    return within(ms, this.#clock, "are you there", this.#refresh()).then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#cluster.disconnect();
  }

  async #untilAnswered<T>(question: (cluster: Cluster) => Promise<T>): Promise<T> {
    const untilMs = this.#clock.nowMs() + ANSWER_MS;
    for (let failures = 0; ; failures++) {
      try {
        if (failures > 0) await this.#refresh();
        else await this.#cluster.addMultipleTargetTopics(this.#topics);
        return await question(this.#cluster);
      } catch (error) {
        if (error instanceof RangeError || this.#stop.signal.aborted || this.#clock.nowMs() > untilMs) throw error;
        await this.#clock.sleep(Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS), this.#stop.signal);
      }
    }
  }

  async #refresh(): Promise<void> {
    await this.#cluster.connect();
    await this.#cluster.addMultipleTargetTopics(this.#topics);
    await this.#cluster.refreshMetadata();
  }
}
