/**
 * The kafkajs producer, used in the one way that loses nothing: one partition a send, acknowledged by all in-sync replicas, the answer
 * looked at, no idempotence (its sequence numbers lose records when leaders move).
 *
 * A send that does not end is given up together with its producer: kafkajs can hang on a broker that froze while it was being reached.
 */
import type { Kafka, Producer } from "kafkajs";
import type { Clock } from "#platform/clock.ts";
import { REQUEST_MS } from "./client.ts";
import { within } from "./failures.ts";
import type { Message } from "./records.ts";

/** Longer than a send takes with all its repeats. */
const HUNG_MS = 4 * REQUEST_MS;
/** After a request that timed out kafkajs asks the same broker again; only fresh metadata tells it who leads now. */
const METADATA_MS = 5_000;
const RETRY = { retries: 2, initialRetryTime: 100, maxRetryTime: 500 };

export class Producing {
  readonly #client: Kafka;
  readonly #clock: Clock;
  #producer: Promise<Producer>;

  constructor(client: Kafka, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#producer = this.#open();
  }

  async send(topic: string, partition: number, messages: Message[]): Promise<void> {
    const producer = this.#producer;
    const sent = producer.then((each) => each.send({ topic, messages, acks: -1, timeout: REQUEST_MS - 1_000 }));
    let isOver = false;
    const mark = () => {
      isOver = true;
    };
    sent.then(mark, mark);
    try {
      const answers = await within(HUNG_MS, this.#clock, `records for ${topic}/${partition}`, sent);
      const answer = answers.find((each) => each.topicName === topic && each.partition === partition);
      if (answer?.errorCode !== 0) throw new Error(`${topic}/${partition} was not acknowledged`);
    } catch (error) {
      if (!isOver) this.#replace(producer);
      throw error;
    }
  }

  async close(): Promise<void> {
    await (await this.#producer).disconnect();
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

  #replace(producer: Promise<Producer>): void {
    if (this.#producer !== producer) return;
    this.#producer = this.#open();
    this.#producer.catch(() => {});
    producer.then((each) => each.disconnect()).catch(() => {});
  }
}
