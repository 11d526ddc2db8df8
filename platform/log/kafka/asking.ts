/**
 * Questions to the cluster, over one connection for all of them: asked again when leaders or coordinators have moved, UNAVAILABLE when the
 * answer does not come in time.
 *
 * What kafkajs remembers of a broker that froze in the middle of an answer may never work again, so a question that is not answered is
 * asked anew of a fresh cluster.
 */
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import { unavailable, within } from "./failures.ts";
import type { Cluster } from "./internals.ts";
import { type Fault, faultsIn } from "./metadata.ts";

const ANSWER_MS = 15_000;
const ATTEMPT_MS = 4_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export interface AskingNeeds {
  open(): Cluster;
  readonly clock: Clock;
  /** Names in Kafka, with the partitions each has. */
  readonly topics: ReadonlyMap<string, number>;
}

export class Asking {
  readonly #needs: AskingNeeds;
  readonly #stop = new AbortController();
  #cluster: Cluster;

  constructor(needs: AskingNeeds) {
    this.#needs = needs;
    this.#cluster = needs.open();
  }

  /** A RangeError is an answer too. */
  async ask<T>(what: string, question: (cluster: Cluster) => Promise<T>): Promise<T> {
    const { clock } = this.#needs;
    const untilMs = clock.nowMs() + ANSWER_MS;
    for (let failures = 0; ; failures++) {
      const cluster = this.#cluster;
      try {
        return await within(ATTEMPT_MS, clock, what, this.#prepared(cluster, failures > 0).then(question));
      } catch (error) {
        if (error instanceof RangeError) throw error;
        if (failures > 0 || error instanceof Problem) this.#replace(cluster);
        if (this.#stop.signal.aborted || clock.nowMs() + ATTEMPT_MS > untilMs) throw unavailable(error);
        await clock.sleep(Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS), this.#stop.signal);
      }
    }
  }

  /** What nobody leads, learnt anew; undefined where no broker answers. */
  async faults(): Promise<readonly Fault[] | undefined> {
    const { clock, topics } = this.#needs;
    const cluster = this.#cluster;
    try {
      return faultsIn(await within(ATTEMPT_MS, clock, "who leads what", this.#prepared(cluster, true)), topics);
    } catch {
      this.#replace(cluster);
      return undefined;
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#cluster.disconnect();
  }

  async #prepared(cluster: Cluster, isAnew: boolean): Promise<Cluster> {
    if (isAnew) await cluster.connect();
    await cluster.addMultipleTargetTopics([...this.#needs.topics.keys()]);
    if (isAnew) await cluster.refreshMetadata();
    return cluster;
  }

  #replace(cluster: Cluster): void {
    if (this.#cluster !== cluster || this.#stop.signal.aborted) return;
    this.#cluster = this.#needs.open();
    cluster.disconnect().catch(() => {});
  }
}
