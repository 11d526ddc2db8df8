/** Reads a range of one partition without a group: for tools, tests and people. Connected on the first call. */
import type { Topic } from "#domain/topics.ts";
import type { LogRecord } from "../log.ts";
import { batchOf, type Cluster } from "./internals.ts";
import type { Names } from "./names.ts";
import type { Offsets } from "./offsets.ts";
import { recordOf } from "./records.ts";

const FETCH_WAIT_MS = 100;
const FETCH_BYTES = 1024 * 1024;
const READ_COMMITTED = 1;
const MOST_TRIES = 5;

export class Reader {
  readonly #open: () => Cluster;
  readonly #names: Names;
  readonly #offsets: Offsets;
  #cluster: Promise<Cluster> | undefined;

  constructor(needs: { open: () => Cluster; names: Names; offsets: Offsets }) {
    this.#open = needs.open;
    this.#names = needs.names;
    this.#offsets = needs.offsets;
  }

  async read(topic: Topic, partition: number, from: number, limit: number): Promise<readonly LogRecord[]> {
    const name = this.#names.of(topic);
    const bounds = (await this.#offsets.bounds(topic)).get(partition);
    if (bounds === undefined) throw new RangeError(`Topic "${topic.name}" has partitions 0 to ${topic.partitions - 1}, not ${partition}.`);
    const records: LogRecord[] = [];
    let failures = 0;
    for (let next = Math.max(from, bounds.start); next < bounds.end && records.length < limit; ) {
      try {
        const { messages, lastOffset } = await this.#fetch(name, partition, next);
        for (const message of messages) if (records.length < limit) records.push(recordOf(topic, partition, message));
        next = lastOffset + 1;
      } catch (error) {
        if (++failures === MOST_TRIES) throw error;
        await (await this.#connected(name)).refreshMetadata();
      }
    }
    return records;
  }

  async close(): Promise<void> {
    await (await this.#cluster)?.disconnect();
  }

  async #fetch(name: string, partition: number, from: number) {
    const cluster = await this.#connected(name);
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(name, [partition]));
    if (nodeId === undefined) throw new Error(`${name}/${partition} has no leader`);
    const broker = await cluster.findBroker({ nodeId });
    const { responses } = await broker.fetch({
      maxWaitTime: FETCH_WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic: name, partitions: [{ partition, fetchOffset: String(from), maxBytes: FETCH_BYTES }] }],
    });
    const data = responses[0]?.partitions[0];
    if (data === undefined) throw new Error(`${name}/${partition} was not answered`);
    const batch = batchOf(name, from, data);
    return { messages: batch.messages, lastOffset: Math.max(Number(batch.lastOffset()), from) };
  }

  async #connected(name: string): Promise<Cluster> {
    this.#cluster ??= (async () => {
      const cluster = this.#open();
      await cluster.connect();
      return cluster;
    })();
    try {
      const cluster = await this.#cluster;
      await cluster.addTargetTopic(name);
      return cluster;
    } catch (error) {
      this.#cluster = undefined;
      throw error;
    }
  }
}
