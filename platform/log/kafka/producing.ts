/**
 * The kafkajs producer, used in the one way that loses nothing: one partition a send, acknowledged by all in-sync replicas, the answer
 * looked at, no idempotence (its sequence numbers lose records when leaders move).
 *
 * A producer that brings nothing through any more is given up for a fresh one: what kafkajs remembers of a broker that froze while it was
 * being reached may never work again, and a send may never end.
 */
import type { Kafka, Producer } from "kafkajs";
import type { Clock } from "#platform/clock.ts";
import { REQUEST_MS } from "./client.ts";
import { atMost, within } from "./failures.ts";
import type { Message } from "./records.ts";

/** Longer than a send takes with all its repeats. */
const HUNG_MS = 4 * REQUEST_MS;
/** Longer than it takes until another broker leads what a broker led that is gone. */
const FAILING_MS = 15_000;
const CLOSE_MS = 5_000;
const RETRY = { retries: 2, initialRetryTime: 100, maxRetryTime: 500 };
/** After a request that timed out kafkajs asks the same broker again; only fresh metadata tells it who leads now. */
const METADATA_MS = 5_000;

export class Producing {
  readonly #client: Kafka;
  readonly #clock: Clock;
  #producer: Promise<Producer> | undefined;
  /** Since when nothing has come through. */
  #failingSinceMs: number | undefined;

  constructor(client: Kafka, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Resolves when all in-sync replicas have all of it; rejects when that is not known. */
  async send(topic: string, partition: number, messages: Message[]): Promise<void> {
    this.#producer ??= this.#open();
    const producer = this.#producer;
    const sent = producer.then((each) => each.send({ topic, messages, acks: -1, timeout: REQUEST_MS - 1_000 }));
    try {
      const answers = await within(HUNG_MS, this.#clock, `records for ${topic}/${partition}`, sent);
      const answer = answers.find((each) => each.topicName === topic && each.partition === partition);
      if (answer?.errorCode !== 0) throw new Error(`${topic}/${partition} was not acknowledged`);
      this.#failingSinceMs = undefined;
    } catch (error) {
      this.#failed(producer);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#closed(this.#producer);
  }

  async #open(): Promise<Producer> {
    const producer = this.#client.producer({
      idempotent: false,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition as number,
      metadataMaxAge: METADATA_MS,
      retry: RETRY,
    });
    await producer.connect();
    return producer;
  }

  #failed(producer: Promise<Producer>): void {
    const nowMs = this.#clock.nowMs();
    this.#failingSinceMs ??= nowMs;
    if (this.#producer !== producer || nowMs - this.#failingSinceMs < FAILING_MS) return;
    this.#producer = undefined;
    this.#failingSinceMs = undefined;
    void this.#closed(producer);
  }

  async #closed(producer: Promise<Producer> | undefined): Promise<void> {
    if (producer)
      await atMost(
        CLOSE_MS,
        this.#clock,
        producer.then((each) => each.disconnect()),
      );
  }
}
