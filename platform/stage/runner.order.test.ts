import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Topic } from "#domain/topics.ts";
import { DeadLetterSchema, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { faults, faultyLog } from "../../test/fakes/log.ts";
import { type Trial, text, trial } from "../../test/fakes/stage.ts";
import type { Batch, Received, Stage } from "./stage.ts";

const into: Topic = { name: "in", schema: ScheduledSchema, partitions: 3 };
const out: Topic = { name: "out", schema: ScheduledSchema, partitions: 1 };
const dead: Topic = { name: "dead", schema: DeadLetterSchema, partitions: 1 };

const stageOf = (more: Partial<Stage<string>> & Pick<Stage<string>, "handle">): Stage<string> => ({
  name: "copy",
  reads: [into],
  writes: [out],
  deadLetters: dead,
  decode: ({ value }) => text(value),
  ...more,
});
const copy = ({ record }: Received<string>) => ({ topic: out, key: record.key, value: record.value });

/** The numbers that a key's records carry, in the order in which they stand in the output topic, without repeats. */
async function ordersByKey(at: Trial): Promise<Map<string, number[]>> {
  const orders = new Map<string, number[]>();
  for (const record of await at.records(out)) {
    const order = orders.get(record.key) ?? [];
    const number = Number(text(record.value));
    if (!order.includes(number)) order.push(number);
    orders.set(record.key, order);
  }
  return orders;
}

describe("the order of a key", () => {
  it("holds in the outputs whatever order records are settled in, with failures and lost replies between", async () => {
    const keys = fc.array(fc.nat(4), { minLength: 1, maxLength: 120 });
    const chances = fc.infiniteStream(fc.nat(99));
    await fc.assert(
      fc.asyncProperty(keys, chances, fc.boolean(), async (sent, chance, oneInFlightPerKey) => {
        const at = trial([into, out, dead]);
        const next = () => chance.next().value as number;
        const busy = new Set<string>();
        const handle = async (batch: Batch<string>) => {
          const open = [...batch.records];
          if (oneInFlightPerKey) {
            for (const { record } of open) {
              expect(busy.has(record.key)).toBe(false);
              busy.add(record.key);
            }
          }
          try {
            while (open.length > 0) {
              if (next() < 30) await at.clock.sleep(next());
              if (next() < 4) throw Object.assign(new Error("not now"), { transient: true });
              const [each] = open.splice(next() % open.length, 1) as [Received<string>];
              batch.done(each, copy(each));
            }
          } finally {
            for (const { record } of batch.records) busy.delete(record.key);
          }
        };
        const faulty = faults({
          settle: () => {
            if (next() < 10) throw new Error("the log is away");
            return next() < 10 ? "reply lost" : "pass";
          },
        });
        for (const [index, key] of sent.entries()) await at.put(into, `k${key}`, String(index));
        await at.run(stageOf({ handle, oneInFlightPerKey, concurrency: 4, batchSize: 7, window: 40 }), faultyLog(at.log, faulty));
        for (let round = 0; round < 500 && (await at.log.lag("copy", [into])) > 0; round++) await at.clock.advance(2_000);
        const orders = await ordersByKey(at);
        expect([...orders.values()].flat()).toHaveLength(sent.length);
        for (const order of orders.values()) expect(order).toEqual([...order].sort((one, other) => one - other));
        await at.end();
      }),
      { numRuns: 40 },
    );
  });

  it("keeps a key to one record at a time where a stage asks for it, and lets other keys go on", async () => {
    const at = trial([into, out, dead]);
    for (const [key, word] of ["a 0", "b 1", "a 2", "c 3"].map((each) => each.split(" ") as [string, string]))
      await at.put(into, key, word);
    const open: Received<string>[] = [];
    let settle: (word: string) => void = () => {};
    await at.run(
      stageOf({
        ...{ oneInFlightPerKey: true, concurrency: 8, batchSize: 1 },
        handle: (batch) =>
          new Promise((resolve) => {
            open.push(...batch.records);
            const before = settle;
            settle = (word) => {
              before(word);
              for (const each of batch.records) if (each.value === word) batch.done(each, copy(each));
              if (batch.records.some((each) => each.value === word)) resolve();
            };
          }),
      }),
    );
    await vi.waitFor(() => expect(open.map((each) => each.value).sort()).toEqual(["0", "1", "3"]));
    settle("1");
    await at.clock.advance(10);
    expect(open).toHaveLength(3);
    settle("0");
    await vi.waitFor(() => expect(open.map((each) => each.value)).toContain("2"));
    for (const word of ["2", "3"]) settle(word);
    await at.end();
  });

  it("lets the others of a partition pass a key with many more records in front than the window takes", async () => {
    const narrow: Topic = { ...into, name: "narrow", partitions: 1 };
    const at = trial([narrow, out, dead]);
    await at.put(narrow, "busy", ...Array.from({ length: 400 }, (_, n) => `busy ${n}`));
    await at.put(narrow, "stranger", "stranger");
    const seen: string[] = [];
    let free: () => void = () => {};
    const freed = new Promise<void>((resolve) => {
      free = resolve;
    });
    await at.run(
      stageOf({
        ...{ reads: [narrow], oneInFlightPerKey: true, concurrency: 4, batchSize: 1, window: 10 },
        async handle(batch) {
          const [received] = batch.records as [Received<string>];
          seen.push(received.value);
          if (received.value !== "stranger") await freed;
          batch.done(received, copy(received));
        },
      }),
    );
    await vi.waitFor(() => expect(seen).toContain("stranger"));
    expect(seen).toEqual(["busy 0", "stranger"]);
    free();
    await vi.waitFor(async () => expect(await at.texts(out)).toHaveLength(401));
    await at.end();
  });

  it("hands out no further records of a key while one of them waits to come again", async () => {
    const at = trial([into, out, dead]);
    const seen: string[] = [];
    let broken = true;
    await at.put(into, "a", "0");
    await at.run(
      stageOf({
        async handle(batch) {
          for (const each of batch.records) {
            seen.push(each.value);
            if (each.value === "0" && broken) throw new Error("not this time");
            batch.done(each, copy(each));
          }
        },
      }),
    );
    await vi.waitFor(() => expect(seen).toEqual(["0"]));
    await at.put(into, "a", "1", "2");
    await at.put(into, "b", "3");
    await vi.waitFor(() => expect(seen).toEqual(["0", "3"]));
    broken = false;
    await at.clock.advance(250);
    await vi.waitFor(() => expect(seen).toEqual(["0", "3", "0", "1", "2"]));
    expect((await ordersByKey(at)).get("a")).toEqual([0, 1, 2]);
    await at.end();
  });
});
