/**
 * The way into Kafka: a queue for each partition, one send of one partition at a time, so that nothing is lost or overtaken when leaders
 * move (facts about kafkajs: sends over several partitions, or several under way, lose acknowledged records then).
 *
 * What waits is bounded in bytes and in time. An append that was refused for its time may have landed all the same. What nobody leads waits
 * like everything else, since leaders come back, but it leaves half of the room to the others.
 */
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import type { Output } from "../log.ts";
import { partitionOf } from "../partition.ts";
import { BATCH_BYTES } from "./batches.ts";
import { AtFault, isRefusal, unavailable } from "./failures.ts";
import type { Names } from "./names.ts";
import type { Parcel } from "./produce.ts";
import { mostRecordBytes } from "./record-bytes.ts";
import { bytesOf, type Message } from "./records.ts";

export interface SendsNeeds {
  readonly names: Names;
  readonly clock: Clock;
  /** Resolves when all in-sync replicas have all of it; rejects when that is not known. */
  send(parcel: Parcel): Promise<void>;
  readonly mostQueuedBytes: number;
  readonly deadlineMs: number;
}

/** How long the first record of a send waits for others. */
const LINGER_MS = 2;
/** All records of a send become one record batch; readers fetch 256 KiB of a partition, so that one always fits. */
const MOST_RECORDS = 500;
const MOST_BYTES = 240 * 1024;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;
/** Of the room for what waits, for partitions at fault. */
const FAULTY_SHARE = 0.5;
/** How often appends are looked through for those whose time is over. */
const LOOK_MS = 250;

/** One call of append. */
class Append {
  readonly untilMs: number;
  readonly done = Promise.withResolvers<void>();
  open: number;
  failed = false;
  /** What last went wrong for one of its records. */
  error: unknown = undefined;

  constructor(records: number, untilMs: number) {
    this.open = records;
    this.untilMs = untilMs;
  }
}

interface Waiting {
  readonly message: Message;
  readonly bytes: number;
  readonly append: Append;
}

class Queue {
  readonly topic: string;
  readonly partition: number;
  waiting: Waiting[] = [];
  bytes = 0;
  running = false;
  /** Why its last send failed, where that concerns it alone. */
  fault: AtFault | undefined;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get isFull(): boolean {
    return this.waiting.length >= MOST_RECORDS || this.bytes >= MOST_BYTES;
  }
}

export class Sends {
  readonly #needs: SendsNeeds;
  readonly #queues = new Map<string, Queue[]>();
  /** In the order of their deadlines. */
  readonly #appends = new Set<Append>();
  #bytes = 0;
  #looking = false;
  #linger: Promise<void> | undefined;

  constructor(needs: SendsNeeds) {
    this.#needs = needs;
  }

  /**
   * When the oldest append that is still open was begun; what waits long says that Kafka does not answer. Not so what waits for a partition
   * at fault.
   */
  get oldestMs(): number | undefined {
    for (const { untilMs, error } of this.#appends) if (!(error instanceof AtFault)) return untilMs - this.#needs.deadlineMs;
    return undefined;
  }

  /** Throws, having taken nothing, for what cannot be sent at all. */
  append(outputs: readonly Output[]): Promise<void> {
    const { clock, deadlineMs, mostQueuedBytes } = this.#needs;
    const nowMs = clock.nowMs();
    const append = new Append(outputs.length, nowMs + deadlineMs);
    let bytes = 0;
    const entries = outputs.map((output) => {
      const { topic, partition, waiting } = this.#waiting(output, append, nowMs);
      bytes += waiting.bytes;
      return { queue: this.#queue(topic, output.topic.partitions, partition), waiting };
    });
    if (this.#bytes + bytes > mostQueuedBytes && this.#bytes > 0)
      throw unavailable(new Error(`${this.#bytes} bytes wait for Kafka already, at most ${mostQueuedBytes}`));
    const fault = entries.find(({ queue }) => queue.fault)?.queue.fault;
    if (fault !== undefined && this.#faultyBytes() + bytes > mostQueuedBytes * FAULTY_SHARE) throw unavailable(fault);
    this.#bytes += bytes;
    this.#appends.add(append);
    for (const { queue, waiting } of entries) {
      queue.waiting.push(waiting);
      queue.bytes += waiting.bytes;
      if (!queue.running) void this.#run(queue);
    }
    if (!this.#looking) void this.#look();
    return append.done.promise;
  }

  #faultyBytes(): number {
    let bytes = 0;
    for (const queues of this.#queues.values()) for (const queue of queues) if (queue.fault) bytes += queue.bytes;
    return bytes;
  }

  /** Resolves when every append has been answered. */
  async quiet(): Promise<void> {
    await Promise.allSettled([...this.#appends].map(({ done }) => done.promise));
  }

  #waiting(output: Output, append: Append, timeMs: number) {
    const { topic, key, value, headers } = output;
    const bytes = bytesOf(output);
    if (bytes + BATCH_BYTES > mostRecordBytes(topic))
      throw new RangeError(`A record for ${topic.name} has ${bytes} bytes; the topic takes ${mostRecordBytes(topic)}.`);
    const message: Message = headers === undefined ? { key, value, timeMs } : { key, value, headers, timeMs };
    return { topic: this.#needs.names.of(topic), partition: partitionOf(key, topic.partitions), waiting: { message, bytes, append } };
  }

  #queue(topic: string, partitions: number, partition: number): Queue {
    let queues = this.#queues.get(topic);
    if (queues === undefined) {
      queues = Array.from({ length: partitions }, (_, each) => new Queue(topic, each));
      this.#queues.set(topic, queues);
    }
    return queues[partition] as Queue;
  }

  async #run(queue: Queue): Promise<void> {
    queue.running = true;
    for (let failures = 0; queue.waiting.length > 0; ) {
      if (!queue.isFull) await this.#lingered();
      const batch = this.#take(queue);
      if (batch.length === 0) continue;
      try {
        const { topic, partition } = queue;
        const bytes = batch.reduce((sum, each) => sum + each.bytes, 0);
        await this.#needs.send({ topic, partition, messages: batch.map(({ message }) => message), bytes });
        failures = 0;
        queue.fault = undefined;
        for (const each of batch) this.#arrived(each);
      } catch (error) {
        if (isRefusal(error)) {
          for (const each of batch) this.#drop(each, error);
          continue;
        }
        queue.fault = error instanceof AtFault ? error : undefined;
        for (const { append } of batch) append.error = error;
        queue.waiting = [...batch, ...queue.waiting];
        for (const { bytes } of batch) queue.bytes += bytes;
        await this.#needs.clock.sleep(Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS));
      }
    }
    queue.running = false;
  }

  /** One wait for all queues: they go out together. */
  #lingered(): Promise<void> {
    this.#linger ??= this.#needs.clock.sleep(LINGER_MS).then(() => {
      this.#linger = undefined;
    });
    return this.#linger;
  }

  /** From the front; what belongs to an append that has been refused is forgotten. */
  #take(queue: Queue): Waiting[] {
    const batch: Waiting[] = [];
    let count = 0;
    let bytes = 0;
    for (const each of queue.waiting) {
      if (each.append.failed) this.#bytes -= each.bytes;
      else if (batch.length > 0 && (batch.length >= MOST_RECORDS || bytes + each.bytes > MOST_BYTES)) break;
      else {
        batch.push(each);
        bytes += each.bytes;
      }
      queue.bytes -= each.bytes;
      count++;
    }
    queue.waiting.splice(0, count);
    return batch;
  }

  #arrived({ bytes, append }: Waiting): void {
    this.#bytes -= bytes;
    append.open--;
    if (append.open > 0 || append.failed) return;
    this.#appends.delete(append);
    append.done.resolve();
  }

  #drop({ bytes, append }: Waiting, error: unknown): void {
    this.#bytes -= bytes;
    append.error = error;
    this.#fail(append);
  }

  #fail(append: Append): void {
    if (append.failed) return;
    append.failed = true;
    this.#appends.delete(append);
    append.done.reject(append.error instanceof Problem ? append.error : unavailable(append.error));
  }

  async #look(): Promise<void> {
    this.#looking = true;
    const { clock, deadlineMs } = this.#needs;
    while (this.#appends.size > 0) {
      await clock.sleep(LOOK_MS);
      const nowMs = clock.nowMs();
      for (const append of this.#appends) {
        if (append.untilMs > nowMs) break;
        append.error ??= new Error(`Kafka has not acknowledged for ${deadlineMs} ms`);
        this.#fail(append);
      }
    }
    this.#looking = false;
  }
}
