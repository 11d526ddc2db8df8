import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Topic } from "#domain/topics.ts";
import { DeadLetterSchema, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { faults, faultyLog } from "../../test/fakes/log.ts";
import { type Trial, text, trial } from "../../test/fakes/stage.ts";
import type { Batch, Received, Stage } from "./stage.ts";

const into: Topic = { name: "in", schema: ScheduledSchema, partitions: 8 };
const out: Topic = { name: "out", schema: ScheduledSchema, partitions: 1 };
const dead: Topic = { name: "dead", schema: DeadLetterSchema, partitions: 1 };

const stageOf = (handle: Stage<string>["handle"], more: Partial<Stage<string>> = {}): Stage<string> => ({
  ...{ name: "copy", reads: [into], writes: [out], deadLetters: dead, decode: ({ value }) => text(value) },
  handle,
  ...more,
});
const copy = ({ record }: Received<string>) => ({ topic: out, key: record.key, value: record.value });
const copyAll = async (batch: Batch<string>) => {
  for (const each of batch.records) batch.done(each, copy(each));
};
const aborted = (signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

let at: Trial;
beforeEach(() => {
  at = trial([into, out, dead]);
});
afterEach(() => at.end());

describe("a rebalance", () => {
  it("calls off batches with records that were lost, keeps what was settled, and has the new holder do the rest", async () => {
    for (let index = 0; index < 40; index++) await at.put(into, `k${index}`, `w${index}`);
    const batches: Batch<string>[] = [];
    await at.run(
      stageOf(
        async (batch) => {
          batches.push(batch);
          for (const each of batch.records.filter((_, index) => index % 2 === 0)) batch.done(each, copy(each));
          await aborted(batch.signal);
        },
        { batchSize: 1_000 },
      ),
    );
    await vi.waitFor(async () => expect(await at.texts(out)).toHaveLength(20));
    const second: string[] = [];
    await at.run(
      stageOf(async (batch) => {
        second.push(...batch.records.map((each) => each.value));
        await copyAll(batch);
      }),
    );
    await vi.waitFor(() => expect(batches.length).toBeGreaterThan(1));
    expect(batches[0]?.signal.aborted).toBe(true);
    // What the first still holds comes again to it, without what was lost and without what it settled.
    const settled = new Set(await at.texts(out));
    const still = batches[1]?.records.map((each) => each.value) ?? [];
    expect(still.length).toBeGreaterThan(0);
    await vi.waitFor(() => expect(new Set([...settled, ...still, ...second]).size).toBe(40));
    expect(still.filter((word) => second.includes(word))).toEqual([]);
    expect(at.lines.filter((line) => line.msg === "stage failed")).toEqual([]);
  });

  it("still appends an outcome that comes after the assignment was lost, but moves no position", async () => {
    for (let index = 0; index < 16; index++) await at.put(into, `k${index}`, `w${index}`);
    const late = Promise.withResolvers<void>();
    const positions: number[] = [];
    const faulty = faults({
      settle: (_outputs, moved) => {
        positions.push(moved.length);
        return "pass";
      },
    });
    let handed = 0;
    const first = await at.run(
      stageOf(async (batch) => {
        handed += batch.records.length;
        await late.promise;
        await copyAll(batch);
      }),
      faultyLog(at.log, faulty),
    );
    await vi.waitFor(() => expect(handed).toBe(16));
    await at.run(stageOf(async (batch) => aborted(batch.signal)));
    late.resolve();
    await vi.waitFor(async () => expect(await at.texts(out)).toHaveLength(16));
    await first.drain(0);
    expect(Math.max(...positions)).toBeLessThanOrEqual(4);
    expect(await at.log.lag("copy", [into])).toBeGreaterThan(0);
  });

  it("loses nothing while members come and go", async () => {
    const members = [await at.run(stageOf(copyAll, { batchSize: 5, concurrency: 2 }))];
    let sent = 0;
    for (let round = 0; round < 12; round++) {
      for (let index = 0; index < 25; index++) await at.put(into, `k${sent % 17}`, `w${sent++}`);
      if (round % 3 === 2) await members.shift()?.drain(100);
      else members.push(await at.run(stageOf(copyAll, { batchSize: 5, concurrency: 2 })));
    }
    await vi.waitFor(async () => expect(await at.log.lag("copy", [into])).toBe(0));
    expect(new Set(await at.texts(out)).size).toBe(sent);
  });
});

describe("the watchdog", () => {
  it("finds a standstill, says so once, and says when it is over", async () => {
    const gate = Promise.withResolvers<void>();
    await at.put(into, "a", "x");
    const stage = await at.run(
      stageOf(async (batch) => {
        await gate.promise;
        await copyAll(batch);
      }),
    );
    await at.clock.advance(55_000);
    expect(stage.health()).toEqual({ ok: true });
    await at.clock.advance(20_000);
    expect(stage.health()).toEqual({ ok: false, why: "stage copy: 1 records not settled for 75 s" });
    expect(at.lines.filter((line) => line.msg === "stage stands still")).toHaveLength(1);
    expect(await at.metric("carillon_stage_stalled_records")).toEqual({ copy: 1 });
    gate.resolve();
    await at.clock.advance(10_000);
    expect(stage.health()).toEqual({ ok: true });
    expect(at.lines.filter((line) => line.msg === "stage moves again")).toHaveLength(1);
    expect(await at.metric("carillon_stage_stalled_records")).toEqual({ copy: 0 });
  });

  it("does not take a wait on purpose for a standstill, until it is over", async () => {
    await at.put(into, "a", "x");
    const stage = await at.run(
      stageOf(async (batch) => {
        batch.waiting(at.clock.nowMs() + 3_600_000);
        await aborted(batch.signal);
      }),
    );
    await at.clock.advance(3_600_000);
    expect(stage.health()).toEqual({ ok: true });
    await at.clock.advance(65_000);
    expect(stage.health()).toMatchObject({ ok: false });
  });

  it("does not mind a slow batch whose records are settled one after the other", async () => {
    await at.put(into, "a", "x", "y", "z");
    const stage = await at.run(
      stageOf(async (batch) => {
        for (const each of batch.records) {
          await at.clock.sleep(50_000);
          batch.done(each);
        }
      }),
    );
    for (let step = 0; step < 15; step++) {
      await at.clock.advance(10_000);
      expect(stage.health()).toEqual({ ok: true });
    }
  });

  it("sees a log that does not take outcomes", async () => {
    await at.put(into, "a", "x");
    const gate = Promise.withResolvers<"pass">();
    const stage = await at.run(stageOf(copyAll), faultyLog(at.log, faults({ settle: () => gate.promise })));
    await at.clock.advance(70_000);
    expect(stage.health()).toMatchObject({ ok: false });
    gate.resolve("pass");
    await vi.waitFor(() => expect(stage.health()).toEqual({ ok: true }));
  });
});

describe("a drain", () => {
  it("takes no more, lets the batch under way end, and settles it", async () => {
    await at.put(into, "a", "x");
    const gate = Promise.withResolvers<void>();
    let calls = 0;
    const stage = await at.run(
      stageOf(async (batch) => {
        calls++;
        await gate.promise;
        await copyAll(batch);
      }),
    );
    await vi.waitFor(() => expect(calls).toBe(1));
    const drained = stage.drain(10_000);
    await at.put(into, "b", "y");
    gate.resolve();
    await drained;
    expect(await at.texts(out)).toEqual(["x"]);
    expect(calls).toBe(1);
    expect(await at.log.lag("copy", [into])).toBe(1);
    expect(stage.drain(1)).toBe(stage.drain(1));
  });

  it("calls off what has not ended in time; it comes again after the next start", async () => {
    await at.put(into, "a", "x", "y");
    let off = false;
    const stage = await at.run(
      stageOf(async (batch) => {
        const [first] = batch.records;
        if (first) batch.done(first, copy(first));
        await aborted(batch.signal);
        off = true;
        throw batch.signal.reason;
      }),
    );
    await at.clock.advance(10);
    const drained = stage.drain(3_000);
    await at.clock.advance(2_900);
    expect(off).toBe(false);
    await at.clock.advance(200);
    expect(off).toBe(true);
    await drained;
    expect(await at.texts(out)).toEqual(["x"]);
    expect(at.lines.filter((line) => line.msg === "stage failed")).toEqual([]);
    await at.run(stageOf(copyAll));
    await vi.waitFor(async () => expect(await at.texts(out)).toEqual(["x", "y"]));
  });

  it("does not wait for a batch that waits on purpose for longer than the drain may take", async () => {
    await at.put(into, "a", "x");
    const stage = await at.run(
      stageOf(async (batch) => {
        batch.waiting(at.clock.nowMs() + 3_600_000);
        await aborted(batch.signal);
      }),
    );
    await at.clock.advance(10);
    const beforeMs = at.clock.nowMs();
    await stage.drain(10_000);
    expect(at.clock.nowMs()).toBe(beforeMs);
    expect(await at.log.lag("copy", [into])).toBe(1);
  });

  it("ends also when a batch ignores its signal and the log takes nothing", async () => {
    await at.put(into, "a", "x", "y");
    const stage = await at.run(
      stageOf(async (batch) => {
        const [first] = batch.records;
        if (first) batch.done(first, copy(first));
        await new Promise(() => {});
      }),
      faultyLog(at.log, faults({ settle: () => Promise.reject(new Error("no disk")) })),
    );
    await at.clock.advance(10);
    const drained = stage.drain(1_000);
    await at.clock.advance(2_500);
    await drained;
    expect(await at.log.lag("copy", [into])).toBe(2);
  });
});
