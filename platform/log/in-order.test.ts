import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { beginnings, inOrder, type Nexts } from "./in-order.ts";
import { memoryLog } from "./log.memory.ts";
import type { EventLog, LogReader } from "./log.ts";
import { TestClock } from "./member.fixture.ts";
import { one, output, text } from "./records.fixture.ts";

const PARTITIONS = [0, 1, 2, 3];

let clock: TestClock;
let log: EventLog;
beforeEach(() => {
  clock = new TestClock(1_000_000_000_000);
  log = memoryLog({ topics: [one], clock });
});
afterEach(() => log.close());

const append = async (...words: string[]) => {
  for (const word of words) {
    await log.append([output(word, word)]);
    clock.pass(1);
  }
};
const read = async (nexts: Nexts, reader: LogReader = log) => {
  const found: string[] = [];
  for await (const { value } of inOrder(reader, one, nexts)) found.push(text(value));
  return found;
};

test("the partitions of a topic are read together, in the order of time, however many records there are", async () => {
  const words = Array.from({ length: 1_500 }, (_, at) => `${at}`);
  await append(...words);
  expect(await read(await beginnings(log, one, PARTITIONS, Number.POSITIVE_INFINITY))).toEqual(words);
});

test("a later call goes on where the one before ended", async () => {
  const nexts = await beginnings(log, one, PARTITIONS, 10);
  await append("a", "b", "c");
  expect(await read(nexts)).toEqual(["a", "b", "c"]);
  expect(await read(nexts)).toEqual([]);
  await append("d");
  expect(await read(nexts)).toEqual(["d"]);
});

test("no more than so many of each partition, and only of those that are asked for", async () => {
  await log.append(["a", "b", "c"].map((word) => output("key", word)));
  const { partition } = (await Promise.all(PARTITIONS.map((each) => log.read(one, each, 0, 1)))).flat()[0] ?? {};
  expect(await read(await beginnings(log, one, PARTITIONS, 2))).toEqual(["b", "c"]);
  const others = PARTITIONS.filter((each) => each !== partition);
  expect(await read(await beginnings(log, one, others, 2))).toEqual([]);
});

test("a partition's own order stands, whatever times its writers gave, and nothing is left out", async () => {
  const times = fc.array(fc.nat(5), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(fc.array(times, { minLength: 1, maxLength: 4 }), async (lanes) => {
      const reader: LogReader = {
        bounds: async (_, partition) => ({ start: 0, end: lanes[partition]?.length ?? 0 }),
        read: async (topic, partition, from, limit) =>
          (lanes[partition] ?? []).slice(from, from + limit).map((timeMs, at) => ({
            ...{ topic, partition, offset: from + at, timeMs, key: "", headers: {} },
            value: Buffer.from(`${partition}/${from + at}`),
          })),
        close: async () => {},
      };
      const found = await read(await beginnings(reader, one, [...lanes.keys()], Number.POSITIVE_INFINITY), reader);
      expect(found).toHaveLength(lanes.flat().length);
      for (const [partition, lane] of lanes.entries())
        expect(found.filter((each) => each.startsWith(`${partition}/`))).toEqual(lane.map((_, offset) => `${partition}/${offset}`));
    }),
  );
});
