/**
 * Sends parcels to the brokers that lead their partitions: whatever is for one broker goes in one request, and the next one gathers while
 * it is under way. Acknowledged by all in-sync replicas, each partition's answer looked at, without idempotence.
 *
 * Nothing is repeated here. A parcel that was not acknowledged is its sender's again, and who leads what is learned anew before the next
 * request; what waited for the same broker is shared out again then, since it may have another leader by now. What nobody leads is refused,
 * and nothing else with it.
 */
import type { Clock } from "#platform/clock.ts";
import { REQUEST_MS } from "./client.ts";
import { AtFault, atMost, within } from "./failures.ts";
import type { Cluster } from "./internals.ts";
import { leaderOf } from "./metadata.ts";
import { type Parcel, placeOf, produceRequest } from "./produce.ts";

/** Longer than a request takes that is given up. */
const HUNG_MS = 2 * REQUEST_MS;
/** What kafkajs remembers of a broker that froze while it was being reached may never work again: then a fresh cluster is asked. */
const REACH_MS = 4_000;
const CLOSE_MS = 5_000;
/** A request has at least one parcel, however large. */
const MOST_BYTES = 2 * 1024 * 1024;

export interface ProducingNeeds {
  open(): Cluster;
  readonly clock: Clock;
  /** Names in Kafka, with the partitions each has. */
  readonly topics: ReadonlyMap<string, number>;
}

interface Sending {
  readonly parcel: Parcel;
  readonly done: PromiseWithResolvers<void>;
}

export class Producing {
  readonly #needs: ProducingNeeds;
  #cluster: Cluster;
  /** Undefined when it is to be learned anew who leads what. */
  #reached: Promise<Cluster> | undefined;
  #gathered: Sending[] = [];
  /** What waits for each broker that has a request under way. */
  readonly #leaders = new Map<string, Sending[]>();
  readonly #closing = new AbortController();

  constructor(needs: ProducingNeeds) {
    this.#needs = needs;
    this.#cluster = needs.open();
  }

  /** Resolves when all in-sync replicas have all of it; rejects when that is not known. One at a time for each partition. */
  send(parcel: Parcel): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#gather([{ parcel, done }]);
    return done.promise;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#cluster.disconnect();
  }

  #gather(sendings: readonly Sending[]): void {
    // Behind whatever else is sent in this turn.
    if (this.#gathered.length === 0 && sendings.length > 0) process.nextTick(() => void this.#share());
    this.#gathered.push(...sendings);
  }

  async #share(): Promise<void> {
    const sendings = this.#gathered;
    this.#gathered = [];
    try {
      this.#reached ??= this.#reach();
      const cluster = await this.#reached;
      const leaders = sendings.map(({ parcel: { topic, partition } }) => leaderOf(cluster, topic, partition));
      for (const [nth, sending] of sendings.entries()) {
        const leader = leaders[nth];
        if (leader === undefined) {
          this.#reached = undefined;
          sending.done.reject(new AtFault(`nobody leads ${placeOf(sending.parcel.topic, sending.parcel.partition)}`));
          continue;
        }
        const waiting = this.#leaders.get(leader);
        if (waiting) waiting.push(sending);
        else void this.#serve(leader, [sending]);
      }
    } catch (error) {
      this.#reached = undefined;
      for (const { done } of sendings) done.reject(error);
    }
  }

  async #serve(leader: string, waiting: Sending[]): Promise<void> {
    this.#leaders.set(leader, waiting);
    // In the same turn others are addressed to it.
    await undefined;
    while (waiting.length > 0) if (!(await this.#request(leader, take(waiting)))) this.#gather(waiting.splice(0));
    this.#leaders.delete(leader);
  }

  /** Whether the broker took everything. */
  async #request(leader: string, sendings: readonly Sending[]): Promise<boolean> {
    const cluster = this.#cluster;
    let failed = false;
    try {
      const answers = await this.#answers(cluster, leader, sendings);
      for (const { parcel, done } of sendings) {
        const place = placeOf(parcel.topic, parcel.partition);
        const error = answers.has(place) ? answers.get(place) : new Error(`${place} was not acknowledged`);
        if (error === undefined) done.resolve();
        else done.reject(error);
        failed ||= error !== undefined;
      }
    } catch (error) {
      failed = true;
      for (const { done } of sendings) done.reject(error);
    }
    if (failed) this.#reached = undefined;
    return !failed;
  }

  async #answers(cluster: Cluster, leader: string, sendings: readonly Sending[]) {
    const { clock } = this.#needs;
    const broker = await this.#within(REACH_MS, cluster, `broker ${leader}`, cluster.findBroker({ nodeId: leader }));
    const request = produceRequest(
      sendings.map(({ parcel }) => parcel),
      REQUEST_MS - 1_000,
    );
    try {
      return await this.#within(HUNG_MS, cluster, `records for broker ${leader}`, broker.connectionPool.send(request));
    } catch (error) {
      // Its other connection may look alive still.
      if ((error as Error).name === "KafkaJSConnectionClosedError") await atMost(CLOSE_MS, clock, broker.disconnect());
      throw error;
    }
  }

  async #reach(): Promise<Cluster> {
    const cluster = this.#cluster;
    const prepared = async () => {
      await cluster.connect();
      await cluster.addMultipleTargetTopics([...this.#needs.topics.keys()]);
      await cluster.refreshMetadata();
    };
    await this.#within(REACH_MS, cluster, "who leads what", prepared());
    return cluster;
  }

  /** What does not end in its time has got stuck, and the cluster with it. */
  async #within<T>(ms: number, cluster: Cluster, what: string, work: Promise<T>): Promise<T> {
    let isOver = false;
    const ended = () => {
      isOver = true;
    };
    work.then(ended, ended);
    try {
      return await within(ms, this.#needs.clock, what, work);
    } catch (error) {
      if (!isOver) this.#replace(cluster);
      throw error;
    }
  }

  #replace(cluster: Cluster): void {
    if (this.#cluster !== cluster) return;
    this.#cluster = this.#needs.open();
    this.#reached = undefined;
    // Requests to its other brokers may be under way: they have their time.
    void this.#needs.clock.sleep(HUNG_MS, this.#closing.signal).then(() => cluster.disconnect().catch(() => {}));
  }
}

/** From the front. */
function take(waiting: Sending[]): Sending[] {
  let count = 0;
  for (let bytes = 0; count < waiting.length; count++) {
    bytes += (waiting[count] as Sending).parcel.bytes;
    if (bytes > MOST_BYTES && count > 0) break;
  }
  return waiting.splice(0, count);
}
