import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Topic } from "#domain/topics.ts";
import { DeadLetterSchema, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { faults, faultyLog } from "../../test/fakes/log.ts";
import { bytes, type Trial, text, trial } from "../../test/fakes/stage.ts";
import type { Batch, Stage } from "./stage.ts";

const into: Topic = { name: "in", schema: ScheduledSchema, partitions: 4 };
const out: Topic = { name: "out", schema: ScheduledSchema, partitions: 4 };
const dead: Topic = { name: "dead", schema: DeadLetterSchema, partitions: 2 };

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const words = (count: number, word = "w") => Array.from({ length: count }, (_, index) => `${word}${index}`);
const stageOf = (more: Partial<Stage<string>> = {}): Stage<string> => ({
  name: "copy",
  reads: [into],
  writes: [out],
  deadLetters: dead,
  decode: ({ value }) => text(value),
  async handle(batch) {
    for (const each of batch.records) batch.done(each, { topic: out, key: each.record.key, value: each.record.value });
  },
  ...more,
});

describe("the stage runner", () => {
  let at: Trial;
  beforeEach(() => {
    at = trial([into, out, dead]);
  });
  afterEach(() => at.end());

  const lettersOf = async () => (await at.records(dead)).map(({ value }) => fromBinary(DeadLetterSchema, value));

  it("hands every record over, appends what comes of it, and does not repeat it after a restart", async () => {
    for (let index = 0; index < 2_000; index++) await at.put(into, `key-${index % 50}`, `w${index}`);
    const first = await at.run(stageOf());
    await vi.waitFor(async () => expect(await at.texts(out)).toHaveLength(2_000));
    await first.drain(1_000);
    expect(await at.log.lag("copy", [into])).toBe(0);
    await at.run(stageOf());
    await at.put(into, "key-1", "one more");
    await vi.waitFor(async () => expect(await at.texts(out)).toHaveLength(2_001));
  });

  it("decodes a record as its topic's Protobuf unless the stage knows better", async () => {
    const seen: unknown[] = [];
    await at.log.append([{ topic: into, key: "a", value: toBinary(ScheduledSchema, create(ScheduledSchema, { topic: "somewhere" })) }]);
    const { decode: _, ...plain } = stageOf();
    await at.run({
      ...plain,
      async handle(batch) {
        for (const each of batch.records) {
          seen.push(each.value);
          batch.done(each);
        }
      },
    });
    await vi.waitFor(() => expect(seen).toMatchObject([{ topic: "somewhere" }]));
  });

  it("buries poison with its original, in its place in the key's order, and goes on", async () => {
    const decode = ({ value }: { value: Uint8Array }) => {
      if (text(value) === "poison") throw new Error("p".repeat(5_000));
      return text(value);
    };
    await at.put(into, "a", "one", "poison", "two");
    await at.run(stageOf({ decode }));
    await vi.waitFor(async () => expect(await at.texts(out)).toEqual(["one", "two"]));
    const [letter] = await lettersOf();
    expect(letter).toMatchObject({ topic: "in", key: "a", stage: "copy", reason: "undecodable", offset: 1n, value: bytes("poison") });
    expect(letter?.detail).toHaveLength(1_000);
    expect(at.lines).toContainEqual(expect.objectContaining({ msg: "records buried", reason: "undecodable", records: 1 }));
    expect(JSON.stringify(at.lines)).not.toContain("ppp");
  });

  it("buries what a stage gives up on, with further outputs beside it", async () => {
    await at.put(into, "a", "bad");
    await at.run(
      stageOf({
        async handle(batch) {
          for (const each of batch.records) batch.bury(each, "invalid", "no good", { topic: out, key: "a", value: bytes("told") });
        },
      }),
    );
    await vi.waitFor(async () => expect(await lettersOf()).toMatchObject([{ reason: "invalid", detail: "no good" }]));
    expect(await at.texts(out)).toEqual(["told"]);
  });

  it("carries the trace of a record on to its outputs, unless they have one", async () => {
    await at.log.append([{ topic: into, key: "a", value: bytes("x"), headers: { traceparent: TRACE } }]);
    await at.run(
      stageOf({
        async handle(batch) {
          const value = bytes("y");
          for (const each of batch.records)
            batch.done(
              each,
              { topic: out, key: "a", value, headers: { own: "1" } },
              { topic: out, key: "a", value, headers: { traceparent: "00-own" } },
            );
        },
      }),
    );
    await vi.waitFor(async () => expect(await at.records(out)).toHaveLength(2));
    const headers = (await at.records(out)).map((record) => record.headers);
    expect(headers).toEqual([{ own: "1", traceparent: TRACE }, { traceparent: "00-own" }]);
  });

  it("buries a record whose output is larger than any topic takes", async () => {
    await at.put(into, "a", "x", "y");
    await at.run(
      stageOf({
        async handle(batch) {
          for (const each of batch.records)
            batch.done(each, { topic: out, key: "a", value: each.value === "x" ? new Uint8Array(1_500_000) : bytes("y") });
        },
      }),
    );
    await vi.waitFor(async () => expect(await at.texts(out)).toEqual(["y"]));
    expect(await lettersOf()).toMatchObject([{ reason: "oversize", value: bytes("x") }]);
  });

  it("refuses an output for a topic that the stage has not declared", async () => {
    await at.put(into, "a", "x");
    await at.run(stageOf({ writes: [] }));
    await vi.waitFor(() =>
      expect(at.lines).toContainEqual(
        expect.objectContaining({
          msg: "stage failed",
          err: expect.objectContaining({ message: expect.stringContaining("without declaring it") }),
        }),
      ),
    );
  });

  it("never has more than the window handed out, and pauses lanes instead of reading on", async () => {
    await at.put(into, "a", ...words(5_000));
    const faulty = faults();
    let open = 0;
    const gate = Promise.withResolvers<void>();
    await at.run(
      stageOf({
        ...{ window: 100, batchSize: 30, concurrency: 10 },
        async handle(batch) {
          open += batch.records.length;
          await gate.promise;
          for (const each of batch.records) batch.done(each);
        },
      }),
      faultyLog(at.log, faulty),
    );
    await vi.waitFor(() => expect(faulty.seen.paused).toBe(1));
    await at.clock.advance(10);
    // The one lane that has records may have its share, and all that is for everybody.
    expect(open).toBe(64);
    expect(faulty.seen.delivered).toBeLessThan(1_500);
    gate.resolve();
    await vi.waitFor(() => expect(open).toBe(5_000));
    expect(faulty.seen.resumed).toBeGreaterThan(0);
  });

  it("has room for every lane, however many records of another one are out", async () => {
    await at.put(into, "stuck", ...words(2_000, "stuck"));
    await at.put(into, "other", ...words(300, "other"));
    await at.run(
      stageOf({
        ...{ window: 40, batchSize: 10, concurrency: 40 },
        async handle(batch) {
          for (const each of batch.records)
            if (each.record.key === "other") batch.done(each, { topic: out, key: "other", value: each.record.value });
          if (batch.records.some((each) => each.record.key === "stuck"))
            await new Promise<void>((resolve) => batch.signal.addEventListener("abort", () => resolve()));
        },
      }),
    );
    await vi.waitFor(async () => expect(await at.texts(out)).toHaveLength(300));
  });

  it("lets a partition go on past a record that takes long by a thousand, however small the window", async () => {
    const slow = Promise.withResolvers<void>();
    const handled: string[] = [];
    const stage = stageOf({
      ...{ window: 10, batchSize: 1, concurrency: 2 },
      async handle(batch) {
        for (const each of batch.records) {
          if (each.value === "slow") await slow.promise;
          handled.push(each.value);
          batch.done(each);
        }
      },
    });
    const one = { ...into, name: "one", partitions: 1 };
    const here = trial([one, out, dead]);
    const running = await here.run({ ...stage, reads: [one] });
    await here.put(one, "a", "slow");
    for (let index = 0; index < 1_500; index += 100)
      await here.log.append(words(100, `${index}-`).map((word) => ({ topic: one, key: word, value: bytes(word) })));
    await vi.waitFor(() => expect(handled).toHaveLength(999), 5_000);
    expect(await here.log.lag("copy", [one])).toBe(1_501);
    slow.resolve();
    await vi.waitFor(() => expect(handled).toHaveLength(1_501), 5_000);
    await running.drain(1_000);
    await here.end();
  });

  it("counts a record in the window until its outcome is durable", async () => {
    await at.put(into, "a", ...words(500));
    let handed = 0;
    const gate = Promise.withResolvers<void>();
    const faulty = faults({ settle: () => gate.promise.then(() => "pass") });
    const handle: Stage<string>["handle"] = async (batch) => {
      handed += batch.records.length;
      for (const each of batch.records) batch.done(each);
    };
    await at.run(stageOf({ window: 120, batchSize: 50, handle }), faultyLog(at.log, faulty));
    await at.clock.advance(10);
    expect(handed).toBe(75);
    gate.resolve();
    await vi.waitFor(() => expect(handed).toBe(500));
  });

  it("moves the position over the contiguous prefix only, and repeats the rest after a restart", async () => {
    await at.put(into, "a", "w0");
    for (let index = 1; index < 10; index++) await at.put(into, "a", `w${index}`);
    const first = await at.run(
      stageOf({
        async handle(batch) {
          for (const each of batch.records) if (each.value !== "w4") batch.done(each);
          await new Promise<void>((resolve) => batch.signal.addEventListener("abort", () => resolve()));
        },
      }),
    );
    await at.clock.advance(10);
    await first.drain(0);
    expect(await at.log.lag("copy", [into])).toBe(6);
    const again: string[] = [];
    await at.run(
      stageOf({
        async handle(batch) {
          for (const each of batch.records) {
            again.push(each.value);
            batch.done(each);
          }
        },
      }),
    );
    await vi.waitFor(() => expect(again).toEqual(["w4", "w5", "w6", "w7", "w8", "w9"]));
  });

  it("divides a flood of outputs among several settles, in order", async () => {
    await at.put(into, "a", ...words(30));
    const sizes: number[] = [];
    const faulty = faults({
      settle: (outputs) => {
        sizes.push(outputs.length);
        return "pass";
      },
    });
    const fan = async (batch: Batch<string>) => {
      for (const each of batch.records)
        batch.done(each, ...words(1_000, each.value).map((word) => ({ topic: out, key: "a", value: bytes(word) })));
    };
    await at.run(stageOf({ handle: fan }), faultyLog(at.log, faulty));
    await vi.waitFor(async () => expect(await at.log.lag("copy", [into])).toBe(0));
    expect(await at.texts(out)).toEqual(words(30).flatMap((word) => words(1_000, word)));
    expect(sizes.filter((size) => size > 0)).toEqual([5_000, 5_000, 5_000, 5_000, 5_000, 5_000]);
  });

  it("serves topics by weight, so that nothing urgent waits behind a hundred thousand others", async () => {
    const [high, low] = [
      { ...into, name: "high" },
      { ...into, name: "low" },
    ];
    const two = trial([high, low, out, dead]);
    const order: string[] = [];
    for (let done = 0; done < 100_000; done += 5_000) await two.put(low, `k${done}`, ...words(5_000, "low"));
    const gate = Promise.withResolvers<void>();
    await two.run(
      stageOf({
        ...{
          reads: [high, low],
          weights: new Map([
            [high, 16],
            [low, 1],
          ]),
          batchSize: 34,
        },
        async handle(batch) {
          await gate.promise;
          for (const each of batch.records) {
            order.push(each.record.topic.name);
            batch.done(each);
          }
        },
      }),
    );
    await two.clock.advance(10);
    await two.put(high, "urgent", ...words(64, "high"));
    await two.clock.advance(10);
    gate.resolve();
    await vi.waitFor(() => expect(order.length).toBeGreaterThan(200));
    // One batch of low ones was out already; from then on 16 of 17 are urgent.
    expect(order.slice(0, 34)).not.toContain("high");
    expect(order.slice(34, 68).filter((name) => name === "high")).toHaveLength(32);
    expect(order.slice(68, 102).filter((name) => name === "high")).toHaveLength(32);
    expect(order.slice(34, 51).filter((name) => name === "low")).toHaveLength(1);
    await two.end();
  });

  it("counts records, failures and time by stage and topic", async () => {
    await at.put(into, "a", "x", "y", "poison");
    const decode = ({ value }: { value: Uint8Array }) => {
      if (text(value) === "poison") throw new Error("no");
      return text(value);
    };
    const stage = await at.run(stageOf({ decode }));
    await vi.waitFor(async () => expect(await at.records(dead)).toHaveLength(1));
    await stage.drain(0);
    expect(await at.metric("carillon_stage_records_total")).toEqual({ "copy in in": 3, "copy in done": 2, "copy in buried": 1 });
    expect(await at.metric("carillon_stage_in_flight")).toEqual({ copy: 0 });
    expect(await at.metrics.metrics()).toContain('carillon_stage_handle_seconds_count{stage="copy"} 1');
  });
});
