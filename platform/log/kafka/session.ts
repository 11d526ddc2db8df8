/**
 * One life of a kafkajs consumer: connected, joined, fetching, until it is ended or breaks. What broke is never mended; its owner begins
 * another. After `end`, or after `broken` was called, nothing is told any more.
 */
import kafkajs, { type Consumer, type EachBatchPayload, type Kafka, type PartitionAssigner } from "kafkajs";
import type { Clock } from "#platform/clock.ts";
import { atMost } from "./failures.ts";

/** What a session tells, all of it in the order that it happens. None may throw. */
export interface SessionEvents {
  /** The group has settled who reads what; partitions by the topics' names in Kafka. Whatever was held before is in question. */
  joined(memberId: string, assignment: Readonly<Record<string, readonly number[]>>): void;
  /** The group is about to share out anew: the last moment to say how far one has come. */
  rebalancing(): void;
  /** The coordinator takes this member for alive. */
  heard(): void;
  /** Holds up fetching until it resolves; when it rejects with an error of kafkajs, kafkajs deals with it. */
  batch(payload: EachBatchPayload): Promise<void>;
  /** Offsets of a partition that hold nothing for readers. */
  passed(topic: string, partition: number, first: number, last: number): void;
  broken(error: unknown): void;
}

export interface SessionNeeds {
  readonly client: Kafka;
  readonly clock: Clock;
  readonly group: string;
  readonly topics: readonly string[];
  readonly assigner: PartitionAssigner;
  readonly events: SessionEvents;
}

export const SESSION_MS = 10_000;
/** Kafkajs sends one when a fetch has ended and this has passed. */
export const HEARTBEAT_MS = 500;
const REBALANCE_MS = 60_000;
/** A fetch is answered as soon as there is a record; this is how long one stays open when there is none. */
const FETCH_WAIT_MS = 1_000;
const END_MS = 5_000;

export type CommittedOffsets = readonly { readonly topic: string; readonly partitions: readonly { partition: number; offset: string }[] }[];

export class Session {
  readonly #needs: SessionNeeds;
  readonly #consumer: Consumer;
  #ended = false;
  #payload: EachBatchPayload | undefined;

  constructor(needs: SessionNeeds) {
    this.#needs = needs;
    const { client, group, assigner } = needs;
    this.#consumer = client.consumer({
      groupId: group,
      partitionAssigners: [assigner],
      sessionTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_MS,
      rebalanceTimeout: REBALANCE_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      minBytes: 1,
      maxBytesPerPartition: 256 * 1024,
      maxBytes: 4 * 1024 * 1024,
      metadataMaxAge: 30_000,
      allowAutoTopicCreation: false,
      retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 500, restartOnFailure: async () => false },
    });
    this.#listen();
  }

  get ended(): boolean {
    return this.#ended;
  }

  async begin(): Promise<void> {
    try {
      await this.#consumer.connect();
      await this.#consumer.subscribe({ topics: [...this.#needs.topics], fromBeginning: true });
      await this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 64,
        eachBatch: async (payload) => {
          if (this.#ended) return;
          this.#payload = payload;
          await this.#needs.events.batch(payload);
        },
      });
      // Ended while it was joining: kafkajs has begun all the same.
      if (this.#ended) await this.#disconnect();
    } catch (error) {
      this.#break(error);
    }
  }

  /** Only for partitions held now: Kafka takes a position of any partition from any member of the group. */
  async commit(topics: CommittedOffsets): Promise<void> {
    if (this.#payload === undefined) throw new Error("Nothing has been read yet.");
    // By way of the consumer it would be repeated after the next rebalance, when the partition may be another's.
    await this.#payload.commitOffsetsIfNecessary({
      topics: topics.map(({ topic, partitions }) => ({ topic, partitions: [...partitions] })),
    });
  }

  /** Fetching goes on at `next`. */
  seek(topic: string, partition: number, next: number): void {
    this.#tell(() => this.#consumer.seek({ topic, partition, offset: String(next) }));
  }

  fetching(topic: string, partition: number, on: boolean): void {
    const which = [{ topic, partitions: [partition] }];
    this.#tell(() => (on ? this.#consumer.resume(which) : this.#consumer.pause(which)));
  }

  giveUp(error: unknown): void {
    this.#break(error);
  }

  /** Leaves the group. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await atMost(END_MS, this.#needs.clock, this.#disconnect());
  }

  #listen(): void {
    const { events } = this.#needs;
    const { GROUP_JOIN, REBALANCING, HEARTBEAT, CRASH, START_BATCH_PROCESS } = this.#consumer.events;
    const unlessEnded = (tell: () => void) => {
      if (!this.#ended) tell();
    };
    this.#consumer.on(GROUP_JOIN, ({ payload: { memberId, memberAssignment } }) =>
      unlessEnded(() => events.joined(memberId, memberAssignment)),
    );
    this.#consumer.on(REBALANCING, () => unlessEnded(() => events.rebalancing()));
    this.#consumer.on(HEARTBEAT, () => unlessEnded(() => events.heard()));
    this.#consumer.on(CRASH, ({ payload: { error } }) => this.#break(error));
    this.#consumer.on(START_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, firstOffset, lastOffset } }) => {
      if (batchSize === 0) unlessEnded(() => events.passed(topic, partition, Number(firstOffset), Number(lastOffset)));
    });
  }

  #break(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    void this.#disconnect();
    this.#needs.events.broken(error);
  }

  async #disconnect(): Promise<void> {
    await this.#consumer.disconnect().catch(() => {});
  }

  /** Between two lives of its group object kafkajs refuses what it would forget anyway. */
  #tell(what: () => void): void {
    if (this.#ended) return;
    try {
      what();
    } catch (error) {
      if (!(error instanceof kafkajs.KafkaJSNonRetriableError)) throw error;
    }
  }
}
