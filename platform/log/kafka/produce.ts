/**
 * One request to a broker with records for any of the partitions that it leads, and its answer, partition by partition.
 *
 * https://kafka.apache.org/protocol#The_Messages_Produce, version 7: every broker since 2.1 speaks it.
 */
import { BATCH_BYTES, Out, writeBatch } from "./batches.ts";
import { bodyOf, type ProtocolRequest, protocolError } from "./internals.ts";
import type { Message } from "./records.ts";

/** Records for one partition, of which all or none are taken. */
export interface Parcel {
  /** By its name in Kafka. */
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly Message[];
  /** What the messages take at most. */
  readonly bytes: number;
}

const PRODUCE = { apiKey: 0, apiVersion: 7, apiName: "Produce" } as const;
const ALL_IN_SYNC = -1;
/** Of the request itself, and of each topic and partition besides its batch. */
const HEAD_BYTES = 16;
const TOPIC_BYTES = 2 + 249 + 4;
const PARTITION_BYTES = 8;

export const placeOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** Answers for each place what was said of it: undefined means acknowledged by all in-sync replicas. */
export function produceRequest(parcels: readonly Parcel[], timeoutMs: number): ProtocolRequest<ReadonlyMap<string, Error | undefined>> {
  return {
    request: { ...PRODUCE, expectResponse: () => true, encode: async () => bodyOf(encoded(parcels, timeoutMs)) },
    response: { decode: async (answer) => answersIn(answer), parse: async ({ answers }) => answers },
  };
}

function encoded(parcels: readonly Parcel[], timeoutMs: number): Buffer {
  let most = HEAD_BYTES;
  for (const { bytes } of parcels) most += TOPIC_BYTES + PARTITION_BYTES + BATCH_BYTES + bytes;
  const out = new Out(most);
  // No transaction.
  out.int16(-1);
  out.int16(ALL_IN_SYNC);
  out.int32(timeoutMs);
  const topics = Map.groupBy(parcels, ({ topic }) => topic);
  out.int32(topics.size);
  for (const [topic, its] of topics) {
    out.string16(topic);
    out.int32(its.length);
    for (const { partition, messages } of its) {
      out.int32(partition);
      const start = out.at;
      out.at += 4;
      writeBatch(out, messages);
      out.bytes.writeInt32BE(out.at - start - 4, start);
    }
  }
  return out.written;
}

/** Topic, partition, error code, then the offset, the time and the first offset that is kept; behind all, how long to hold back. */
function answersIn(answer: Buffer) {
  const answers = new Map<string, Error | undefined>();
  let at = 4;
  for (let topics = answer.readInt32BE(0); topics > 0; topics--) {
    const nameEnd = at + 2 + answer.readInt16BE(at);
    const topic = answer.toString("utf8", at + 2, nameEnd);
    at = nameEnd + 4;
    for (let partitions = answer.readInt32BE(nameEnd); partitions > 0; partitions--) {
      const code = answer.readInt16BE(at + 4);
      answers.set(placeOf(topic, answer.readInt32BE(at)), code === 0 ? undefined : protocolError(code));
      at += 4 + 2 + 8 + 8 + 8;
    }
  }
  return { answers, clientSideThrottleTime: answer.readInt32BE(at) };
}
