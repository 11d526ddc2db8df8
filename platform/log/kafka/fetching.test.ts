import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { Out, writeBatch } from "./batches.ts";
import { FetchSession } from "./fetching.ts";
import type { FetchAsked } from "./internals.ts";

const require = createRequire(import.meta.url);
const Decoder = require("kafkajs/src/protocol/decoder");
const theirs = require("kafkajs/src/protocol/requests/fetch/v11/response");

const asked = (topics: Readonly<Record<string, Readonly<Record<number, number>>>>): FetchAsked => ({
  ...{ maxWaitTime: 500, minBytes: 1, maxBytes: 4_000, isolationLevel: 1, rackId: "" },
  topics: Object.entries(topics).map(([topic, offsets]) => ({
    topic,
    partitions: Object.entries(offsets).map(([partition, offset]) => ({
      ...{ partition: Number(partition), fetchOffset: String(offset), maxBytes: 256 },
    })),
  })),
});

/** The session of a request, and what it names, as a broker reads it. */
function read(buffer: Buffer) {
  const request = new Decoder(buffer);
  const head = { replica: request.readInt32(), wait: request.readInt32(), min: request.readInt32(), max: request.readInt32() };
  const isolation = request.readInt8();
  const session = [request.readInt32(), request.readInt32()];
  const named = request.readArray((topic: typeof request) => {
    const name = topic.readString();
    return topic.readArray((partition: typeof request) => {
      const at = `${name}/${partition.readInt32()}`;
      partition.readInt32();
      const offset = Number(partition.readInt64());
      expect([Number(partition.readInt64()), partition.readInt32()]).toEqual([-1, 256]);
      return `${at}@${offset}`;
    });
  });
  const forgotten = request.readArray((topic: typeof request) => {
    const name = topic.readString();
    return topic.readArray((partition: typeof request) => `${name}/${partition.readInt32()}`);
  });
  expect([head, isolation, request.readString(), request.canReadBytes(1)]).toEqual([
    { replica: -1, wait: 500, min: 1, max: 4_000 },
    1,
    "",
    false,
  ]);
  return { session, named: named.flat(), forgotten: forgotten.flat() };
}

const message = (value: string) => ({ key: "k", value: Buffer.from(value), headers: { h: "x" }, timeMs: 1_700_000_000_000 });

interface Partition {
  readonly partition: number;
  readonly error?: number;
  readonly aborted?: readonly number[];
  readonly values?: readonly string[];
}

function answer({ session = 7, error = 0, topics = {} as Readonly<Record<string, readonly Partition[]>> }): Buffer {
  const out = new Out(4_096);
  out.int32(0);
  out.int16(error);
  out.int32(session);
  out.int32(Object.keys(topics).length);
  for (const [topic, partitions] of Object.entries(topics)) {
    out.string16(topic);
    out.int32(partitions.length);
    for (const { partition, error: its = 0, aborted, values = [] } of partitions) {
      out.int32(partition);
      out.int16(its);
      for (const offset of [9, 9, 0]) out.int64(offset);
      out.int32(aborted?.length ?? -1);
      for (const producer of aborted ?? []) {
        out.int64(producer);
        out.int64(3);
      }
      out.int32(-1);
      const start = out.at;
      out.int32(0);
      if (values.length > 0) writeBatch(out, values.map(message));
      out.bytes.writeInt32BE(out.at - start - 4, start);
    }
  }
  return Buffer.from(out.written);
}

/** A session whose requests are answered one after the other. */
function talk() {
  const session = new FetchSession();
  return async (what: FetchAsked, reply: Buffer | Error) => {
    let heard: ReturnType<typeof read> | undefined;
    const fetched = session.fetch(async ({ request, response }) => {
      heard = read((await request.encode()).buffer);
      if (reply instanceof Error) throw reply;
      return response.parse(await response.decode(reply));
    }, what);
    const outcome = await fetched.catch((error: Error & { type?: string }) => error.type ?? error.message);
    return { heard, outcome };
  };
}

test("the first request names everything, the next only what has moved, come or gone", async () => {
  const fetch = talk();
  const first = await fetch(asked({ a: { 0: 5, 1: 0 }, b: { 0: 9 } }), answer({}));
  expect(first.heard).toEqual({ session: [0, 0], named: ["a/0@5", "a/1@0", "b/0@9"], forgotten: [] });
  const second = await fetch(asked({ a: { 0: 6, 1: 0, 2: 0 } }), answer({}));
  expect(second.heard).toEqual({ session: [7, 1], named: ["a/0@6", "a/2@0"], forgotten: ["b/0"] });
  const third = await fetch(asked({ a: { 0: 6, 1: 0, 2: 0 }, b: { 0: 9 } }), answer({}));
  expect(third.heard).toEqual({ session: [7, 2], named: ["b/0@9"], forgotten: [] });
});

test("after a request that failed the session is closed, and the next one begins with everything", async () => {
  const fetch = talk();
  await fetch(asked({ a: { 0: 5 } }), answer({}));
  expect((await fetch(asked({ a: { 0: 6 } }), new Error("no answer"))).outcome).toBe("no answer");
  expect((await fetch(asked({ a: { 0: 6 } }), answer({ session: 8 }))).heard).toEqual({ session: [7, 0], named: ["a/0@6"], forgotten: [] });
  expect((await fetch(asked({ a: { 0: 6 } }), answer({ session: 8 }))).heard).toEqual({ session: [8, 1], named: [], forgotten: [] });
});

test("a session that the broker has lost brings nothing, and another begins", async () => {
  const fetch = talk();
  await fetch(asked({ a: { 0: 5 } }), answer({}));
  const lost = await fetch(asked({ a: { 0: 6 } }), answer({ session: 0, error: 70 }));
  expect(lost.outcome).toEqual({ responses: [] });
  expect((await fetch(asked({ a: { 0: 6 } }), answer({}))).heard).toEqual({ session: [0, 0], named: ["a/0@6"], forgotten: [] });
  await fetch(asked({ a: { 0: 6 } }), answer({ error: 71 }));
  expect((await fetch(asked({ a: { 0: 6 } }), answer({}))).heard?.session).toEqual([7, 0]);
});

test("a broker without room for one more session is told everything each time", async () => {
  const fetch = talk();
  for (let times = 0; times < 2; times++)
    expect((await fetch(asked({ a: { 0: 5 } }), answer({ session: 0 }))).heard).toEqual({
      ...{ session: [0, 0], named: ["a/0@5"], forgotten: [] },
    });
});

test("what kafkajs makes of an answer is made of it here, without the partitions that have nothing", async () => {
  const topics = {
    a: [{ partition: 0, values: ["one", "two"], aborted: [44] }, { partition: 1 }],
    b: [{ partition: 3 }],
    c: [{ partition: 2, values: ["three"] }],
  };
  const raw = answer({ topics });
  const expected = (await theirs.decode(raw)).responses.flatMap((each: { topicName: string; partitions: { messages: unknown[] }[] }) =>
    each.partitions.filter(({ messages }) => messages.length > 0).map((partition) => ({ topicName: each.topicName, ...partition })),
  );
  const { outcome } = await talk()(asked({ a: { 0: 0, 1: 0 }, b: { 3: 0 }, c: { 2: 0 } }), raw);
  const found = (outcome as { responses: { topicName: string; partitions: object[] }[] }).responses.flatMap((each) =>
    each.partitions.map((partition) => ({ topicName: each.topicName, ...partition })),
  );
  expect(expected).toHaveLength(2);
  expect(expected).toMatchObject(found);
});

test("a partition's error is told as kafkajs tells it", async () => {
  const fetch = talk();
  const { outcome } = await fetch(asked({ a: { 0: 0 } }), answer({ topics: { a: [{ partition: 0, error: 6 }] } }));
  expect(outcome).toBe("NOT_LEADER_FOR_PARTITION");
  expect((await fetch(asked({ a: { 0: 0 } }), answer({ error: 29 }))).outcome).toBe("TOPIC_AUTHORIZATION_FAILED");
});
