import { beforeEach, expect, test, vi } from "vitest";
import type { Topic } from "#domain/topics.ts";
import { deadEvents } from "#domain/topics.ts";
import { fakeClock } from "../../../test/fakes/clock.ts";
import { keyIn, one, text } from "../records.fixture.ts";
import { AtFault } from "./failures.ts";
import { Names } from "./names.ts";
import type { Parcel } from "./produce.ts";
import { Sends } from "./sends.ts";

interface Sent {
  readonly topic: string;
  readonly partition: number;
  readonly values: readonly string[];
  readonly done: PromiseWithResolvers<void>;
}

let clock: ReturnType<typeof fakeClock>;
let sent: Sent[];
let sends: Sends;

const open = (more: { mostQueuedBytes?: number; deadlineMs?: number } = {}) =>
  new Sends({
    names: new Names([one, deadEvents], "p."),
    clock,
    mostQueuedBytes: 1_000_000,
    deadlineMs: 10_000,
    ...more,
    send({ topic, partition, messages }: Parcel) {
      const done = Promise.withResolvers<void>();
      sent.push({ topic, partition, values: messages.map(({ value }) => text(value)), done });
      return done.promise;
    },
  });
const output = (partition: number, value: string, topic: Topic = one) => ({
  topic,
  key: keyIn(partition, topic.partitions),
  value: Buffer.from(value),
});
const sentTimes = (count: number) => vi.waitFor(() => expect(sent).toHaveLength(count));

beforeEach(() => {
  clock = fakeClock();
  sent = [];
  sends = open();
});

test("appends of one moment go out together, a send for each partition", async () => {
  const done = Promise.all([sends.append([output(0, "a"), output(1, "b")]), sends.append([output(0, "c")])]);
  await clock.advance(5);
  await sentTimes(2);
  expect(sent.map(({ topic, partition, values }) => [topic, partition, values])).toEqual([
    ["p.suite.one", 0, ["a", "c"]],
    ["p.suite.one", 1, ["b"]],
  ]);
  for (const each of sent) each.done.resolve();
  await done;
});

test("a partition has one send under way; what comes meanwhile goes with the next", async () => {
  void sends.append([output(0, "a")]);
  await clock.advance(5);
  await sentTimes(1);
  const later = sends.append([output(0, "b")]);
  await clock.advance(100);
  expect(sent).toHaveLength(1);
  sent[0]?.done.resolve();
  await vi.waitFor(async () => {
    await clock.advance(5);
    expect(sent[1]?.values).toEqual(["b"]);
  });
  sent[1]?.done.resolve();
  await later;
});

test("a send that failed is repeated before anything newer of its partition", async () => {
  const first = sends.append([output(0, "a")]);
  await clock.advance(5);
  await sentTimes(1);
  const second = sends.append([output(0, "b")]);
  sent[0]?.done.reject(new Error("the leader moved"));
  await vi.waitFor(async () => {
    await clock.advance(100);
    expect(sent[1]?.values).toEqual(["a", "b"]);
  });
  sent[1]?.done.resolve();
  await Promise.all([first, second]);
});

test("an append that is not acknowledged in time is UNAVAILABLE with the reason, and what of it was not sent is forgotten", async () => {
  const stuck = sends.append([output(0, "stuck")]);
  await clock.advance(5);
  await sentTimes(1);
  const waiting = sends.append([output(0, "waiting")]);
  const outcomes = Promise.allSettled([stuck, waiting]);
  await clock.advance(11_000);
  const late = { status: "rejected", reason: expect.objectContaining({ reason: "LOG_UNAVAILABLE" }) };
  expect(await outcomes).toEqual([late, late]);
  const next = sends.append([output(0, "next")]);
  sent[0]?.done.resolve();
  await vi.waitFor(async () => {
    await clock.advance(5);
    expect(sent[1]?.values).toEqual(["next"]);
  });
  sent[1]?.done.resolve();
  await next;
});

test("what waits is bounded: an append beyond it is refused at once, and taken again when there is room", async () => {
  sends = open({ mostQueuedBytes: 1_000 });
  const taken = sends.append([output(0, "x".repeat(700))]);
  expect(() => sends.append([output(1, "x".repeat(700))])).toThrow(expect.objectContaining({ reason: "LOG_UNAVAILABLE" }));
  await clock.advance(5);
  await sentTimes(1);
  sent[0]?.done.resolve();
  await taken;
  const again = sends.append([output(1, "x".repeat(700))]);
  await clock.advance(5);
  await sentTimes(2);
  sent[1]?.done.resolve();
  await again;
});

test("what waits for a partition at fault takes half of the room at most, and is no sign that Kafka does not answer", async () => {
  sends = open({ mostQueuedBytes: 2_000 });
  const waiting = sends.append([output(0, "x".repeat(600))]);
  const outcome = Promise.allSettled([waiting]);
  await clock.advance(5);
  await sentTimes(1);
  const fault = new AtFault("nobody leads it");
  expect(sends.oldestMs).toBeDefined();
  sent[0]?.done.reject(fault);
  await vi.waitFor(() => expect(sends.oldestMs).toBeUndefined());
  expect(() => sends.append([output(0, "x".repeat(600))])).toThrow(expect.objectContaining({ reason: "LOG_UNAVAILABLE", cause: fault }));
  const elsewhere = sends.append([output(1, "x".repeat(600))]);
  await clock.advance(5);
  await vi.waitFor(() => expect(sent.some(({ partition }) => partition === 1)).toBe(true));
  sent.find(({ partition }) => partition === 1)?.done.resolve();
  await elsewhere;
  await vi.waitFor(async () => {
    await clock.advance(100);
    expect(sent.filter(({ partition }) => partition === 0)).toHaveLength(2);
  });
  sent.at(-1)?.done.resolve();
  expect(await outcome).toMatchObject([{ status: "fulfilled" }]);
  expect(sends.append([output(0, "x".repeat(600))])).toBeInstanceOf(Promise);
});

test("a record larger than its topic takes is refused by name before anything is sent; dead letters may be larger", async () => {
  expect(() => sends.append([output(0, "small"), output(0, "x".repeat(1_200_000))])).toThrow("suite.one");
  sends = open({ mostQueuedBytes: 10_000_000 });
  const letter = sends.append([output(0, "x".repeat(1_200_000), deadEvents)]);
  await clock.advance(5);
  await sentTimes(1);
  sent[0]?.done.resolve();
  await letter;
});

test("a send holds at most 500 records and 240 KiB", async () => {
  const many = sends.append(Array.from({ length: 1_200 }, (_, i) => output(0, String(i))));
  const large = sends.append([1, 2, 3].map((i) => output(1, String(i).repeat(100_000))));
  for (let settled = 0; settled < 5; settled++) {
    await vi.waitFor(async () => {
      await clock.advance(5);
      expect(sent.length).toBeGreaterThan(settled);
    });
    sent[settled]?.done.resolve();
  }
  await Promise.all([many, large]);
  expect(sent.filter(({ partition }) => partition === 0).map(({ values }) => values.length)).toEqual([500, 500, 200]);
  expect(sent.filter(({ partition }) => partition === 1).map(({ values }) => values.length)).toEqual([2, 1]);
});

test("what the broker will never take is refused with its word, and does not hold up the next", async () => {
  const refused = sends.append([output(0, "bad")]);
  const outcome = Promise.allSettled([refused]);
  await clock.advance(5);
  await sentTimes(1);
  sent[0]?.done.reject(Object.assign(new Error("timestamp"), { type: "INVALID_TIMESTAMP" }));
  expect((await outcome)[0]).toMatchObject({ reason: { reason: "LOG_UNAVAILABLE", cause: { type: "INVALID_TIMESTAMP" } } });
  const next = sends.append([output(0, "good")]);
  await vi.waitFor(async () => {
    await clock.advance(5);
    expect(sent[1]?.values).toEqual(["good"]);
  });
  sent[1]?.done.resolve();
  await next;
});
