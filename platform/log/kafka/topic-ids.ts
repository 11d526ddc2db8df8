/**
 * Which id each topic has: a topic that was deleted and made again has its name, counts its records from 0 anew, and has another id.
 *
 * https://kafka.apache.org/protocol#The_Messages_Metadata, version 10: every broker since 2.8 speaks it. Of an older one nothing is known.
 */
import { Out } from "./batches.ts";
import { type Broker, bodyOf, type ProtocolRequest } from "./internals.ts";

const METADATA = { apiKey: 3, apiVersion: 10, apiName: "Metadata" } as const;
/** The longest name of a topic, its length, the id and what may be tagged on. */
const TOPIC_BYTES = 249 + 2 + 16 + 1;
const HEAD_BYTES = 16;
const ID_BYTES = 16;
const NO_ID = "0".repeat(2 * ID_BYTES);

/** By the topics' names in Kafka, without those that are not there. */
export type TopicIds = ReadonlyMap<string, string>;

export async function topicIds(broker: Broker, topics: readonly string[]): Promise<TopicIds> {
  if ((broker.versions[METADATA.apiKey]?.maxVersion ?? 0) < METADATA.apiVersion) return new Map();
  return broker.connectionPool.send(idsRequest(topics));
}

const idsRequest = (topics: readonly string[]): ProtocolRequest<TopicIds> => ({
  request: { ...METADATA, expectResponse: () => true, encode: async () => bodyOf(encoded(topics)) },
  response: { decode: async (answer) => idsIn(answer), parse: async ({ answers }) => answers },
});

function encoded(topics: readonly string[]): Buffer {
  const out = new Out(HEAD_BYTES + topics.length * TOPIC_BYTES);
  // Nothing is tagged on to the request's head, to a topic, or to the request.
  out.int8(0);
  out.unsigned(topics.length + 1);
  for (const topic of topics) {
    for (let at = 0; at < ID_BYTES; at++) out.int8(0);
    out.unsigned(Buffer.byteLength(topic) + 1);
    out.at += out.bytes.write(topic, out.at);
    out.int8(0);
  }
  // No topic is made by asking for it, and nobody's rights are asked for.
  out.int8(0);
  out.int8(0);
  out.int8(0);
  out.int8(0);
  return out.written;
}

function idsIn(answer: Buffer) {
  let at = 0;
  const int32 = () => {
    at += 4;
    return answer.readInt32BE(at - 4);
  };
  const unsigned = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = answer.readUInt8(at++);
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const text = () => {
    const length = Math.max(0, unsigned() - 1);
    at += length;
    return answer.toString("utf8", at - length, at);
  };
  const tags = () => {
    for (let count = unsigned(); count > 0; count--) {
      unsigned();
      const length = unsigned();
      at += length;
    }
  };
  const each = (read: () => void) => {
    for (let left = unsigned() - 1; left > 0; left--) read();
  };
  const answers = new Map<string, string>();
  tags();
  const clientSideThrottleTime = int32();
  each(() => {
    int32();
    text();
    int32();
    text();
    tags();
  });
  text();
  int32();
  each(() => {
    const error = answer.readInt16BE(at);
    at += 2;
    const name = text();
    const id = answer.toString("hex", at, at + ID_BYTES);
    // Behind the id whether it is Kafka's own.
    at += ID_BYTES + 1;
    each(() => {
      // The error, the partition, its leader and the leader's epoch; then who has it, who is in sync, and who is away.
      at += 2 + 4 + 4 + 4;
      for (let lists = 3; lists > 0; lists--) each(int32);
      tags();
    });
    int32();
    tags();
    if (error === 0 && id !== NO_ID) answers.set(name, id);
  });
  return { answers, clientSideThrottleTime };
}
