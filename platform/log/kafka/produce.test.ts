import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { crc32c } from "./crc32c.ts";
import { type Parcel, produceRequest } from "./produce.ts";
import { bytesOf, type Message } from "./records.ts";

const require = createRequire(import.meta.url);
const Decoder = require("kafkajs/src/protocol/decoder");
const decodeBatch = require("kafkajs/src/protocol/recordBatch/v0/decoder");

const message = (more: Partial<Message> = {}): Message => ({ key: "k", value: Buffer.from("v"), timeMs: 1_700_000_000_000, ...more });
const parcel = (topic: string, partition: number, messages: readonly Message[]): Parcel => ({
  ...{ topic, partition, messages },
  bytes: messages.reduce((sum, { timeMs: _, ...output }) => sum + bytesOf({ ...output, topic: {} as never }), 0),
});

/** As a broker reads it. */
async function read(parcels: readonly Parcel[]) {
  const { buffer } = await produceRequest(parcels, 5_000).request.encode();
  const request = new Decoder(buffer);
  const head = { transaction: request.readString(), acks: request.readInt16(), timeout: request.readInt32() };
  const topics = [];
  for (let count = request.readInt32(); count > 0; count--) {
    const topic = request.readString();
    for (let partitions = request.readInt32(); partitions > 0; partitions--) {
      const partition = request.readInt32();
      const records = Buffer.from(request.readBytes());
      const [sum, covered] = [records.readUInt32BE(17), records.subarray(21)];
      expect(sum).toBe(crc32c(covered, 0, covered.length));
      topics.push({ topic, partition, ...(await decodeBatch(new Decoder(records))) });
    }
  }
  expect(request.canReadBytes(1)).toBe(false);
  return { head, topics };
}

test("the sum is Castagnoli's, at every length", () => {
  expect(crc32c(Buffer.from("123456789"), 0, 9)).toBe(0xe3069283);
  const bytes = Buffer.from("xx123456789123456789yy");
  const theirs = require("kafkajs/src/protocol/recordBatch/crc32C");
  for (let to = 2; to <= 20; to++) expect(crc32c(bytes, 2, to)).toBe(theirs(bytes.subarray(2, to)));
});

test("a request holds each partition's records as they were given, for all in-sync replicas and in no transaction", async () => {
  const many = Array.from({ length: 300 }, (_, nth) => message({ key: `key ${nth}`, value: Buffer.alloc(nth, nth) }));
  const { head, topics } = await read([parcel("one", 0, [message()]), parcel("two", 3, many), parcel("one", 7, [message({ key: "" })])]);
  expect(head).toEqual({ transaction: null, acks: -1, timeout: 5_000 });
  expect(topics.map(({ topic, partition, records }) => [topic, partition, records.length])).toEqual([
    ["one", 0, 1],
    ["one", 7, 1],
    ["two", 3, 300],
  ]);
  expect(topics[2].records.map(({ key, value }: { key: Buffer; value: Buffer }) => [key.toString(), value])).toEqual(
    many.map(({ key, value }) => [key, value]),
  );
  expect(topics[2].records.map(({ offset }: { offset: string }) => Number(offset))).toEqual(many.map((_, nth) => nth));
});

test("keys and headers are UTF-8, and times may run backwards, or stand years apart", async () => {
  const times = [1_700_000_000_000, 1_699_999_999_999, 1_800_000_000_000, 1_000];
  const messages = times.map((timeMs) => message({ key: "ключ", headers: { "content-type": "text/ö", empty: "" }, timeMs }));
  const [batch] = (await read([parcel("one", 0, messages)])).topics;
  expect(batch.records.map(({ timestamp }: { timestamp: string }) => Number(timestamp))).toEqual(times);
  expect(Number(batch.maxTimestamp)).toBe(1_800_000_000_000);
  for (const { key, headers } of batch.records) {
    expect(key.toString()).toBe("ключ");
    expect({ ...headers }).toEqual({ "content-type": Buffer.from("text/ö"), empty: Buffer.from("") });
  }
});

test("an answer says for each partition whether it was taken, and else why not by Kafka's name", async () => {
  const answer = Buffer.alloc(200);
  let at = answer.writeInt32BE(1, 0);
  at = answer.writeInt16BE(3, at);
  at += answer.write("one", at);
  at = answer.writeInt32BE(2, at);
  for (const [partition, code] of [
    [0, 0],
    [5, 6],
  ] as const) {
    at = answer.writeInt32BE(partition, at);
    at = answer.writeInt16BE(code, at) + 24;
  }
  answer.writeInt32BE(250, at);
  const { response } = produceRequest([], 0);
  const decoded = await response.decode(answer);
  expect(decoded.clientSideThrottleTime).toBe(250);
  const answers = await response.parse(decoded);
  expect([...answers.keys()]).toEqual(["one/0", "one/5"]);
  expect(answers.get("one/0")).toBeUndefined();
  expect(answers.get("one/5")).toMatchObject({ type: "NOT_LEADER_FOR_PARTITION" });
});
