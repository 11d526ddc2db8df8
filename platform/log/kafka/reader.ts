/** Reads a range of one partition without a group: for tools, tests and people. */
import type { Topic } from "#domain/topics.ts";
import type { LogRecord } from "../log.ts";
import type { Asking } from "./asking.ts";
import { batchOf, type Cluster } from "./internals.ts";
import { leaderOf } from "./metadata.ts";
import type { Names } from "./names.ts";
import type { Offsets } from "./offsets.ts";
import { recordOf } from "./records.ts";

const FETCH_WAIT_MS = 100;
const FETCH_BYTES = 1024 * 1024;
const READ_COMMITTED = 1;

export async function readRange(
  { asking, offsets, names }: { asking: Asking; offsets: Offsets; names: Names },
  { topic, partition, from, limit }: { topic: Topic; partition: number; from: number; limit: number },
): Promise<readonly LogRecord[]> {
  const name = names.of(topic);
  const { start, end } = await offsets.bounds(topic, partition);
  const records: LogRecord[] = [];
  for (let next = Math.max(from, start); next < end && records.length < limit; ) {
    const { messages, lastOffset } = await asking.ask(`${name}/${partition} from ${next}`, (cluster) =>
      fetch(cluster, name, partition, next),
    );
    for (const message of messages) if (records.length < limit) records.push(recordOf(topic, partition, message));
    next = lastOffset + 1;
  }
  return records;
}

async function fetch(cluster: Cluster, name: string, partition: number, from: number) {
  const nodeId = leaderOf(cluster, name, partition);
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
  if (batch.rawMessages.length === 0) throw new Error(`${name}/${partition} was answered with nothing`);
  return { messages: batch.messages, lastOffset: Math.max(Number(batch.lastOffset()), from) };
}
