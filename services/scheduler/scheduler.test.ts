import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { DeadLetterSchema, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { EventLog } from "#platform/log/log.ts";
import { partitionOf } from "#platform/log/partition.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { bytes, type Trial, text, trial } from "../../test/fakes/stage.ts";
import { dueTask } from "./due.ts";
import { scheduler, tierStage } from "./stage.ts";
import { sqliteScheduleStore } from "./store.sqlite.ts";
import type { ScheduleStore } from "./store.ts";

const target = topics.email.medium;

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

describe("the scheduler", () => {
  let at: Trial;
  let directory: string;
  let database: Database;
  let store: ScheduleStore;
  let stop: AbortController;
  let task: Promise<void>;

  beforeEach(async () => {
    at = trial(topics.all);
    directory = mkdtempSync(join(tmpdir(), "carillon-scheduler-"));
    await open();
  });
  afterEach(async () => {
    stop?.abort();
    await task?.catch(() => {});
    await at.end();
    await database.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const open = async () => {
    database = await openDatabase({ file: join(directory, "schedule.sqlite") });
    store = await sqliteScheduleStore(database);
  };
  const start = async (more: { log?: EventLog; store?: ScheduleStore } = {}) => {
    stop = new AbortController();
    const emptying = dueTask({ log: at.log, clock: at.clock, store, ...more });
    task = emptying.run(stop.signal);
    return [
      await at.run(scheduler({ clock: at.clock, store: more.store ?? store, alarm: emptying })),
      ...(await Promise.all(topics.tiers.map((tier) => at.run(tierStage(tier, { clock: at.clock }))))),
    ];
  };
  const scheduled = (word: string, afterMs: number, more: object = {}) => {
    const dueAtMs = BigInt(at.clock.nowMs() + afterMs);
    const value = toBinary(
      ScheduledSchema,
      create(ScheduledSchema, { id: `id of ${word}`, dueAtMs, topic: target.name, key: "development/ann", value: bytes(word), ...more }),
    );
    return { topic: topics.schedule, key: "development/ann", value, headers: { traceparent: TRACE } };
  };
  const arrived = () => at.texts(target);
  /** Lets real I/O end: everything read from `schedule` and settled. */
  const quiet = () => vi.waitFor(async () => expect(await at.log.lag("scheduler", [topics.schedule])).toBe(0));
  const stored = async () => (await store.due(Number.MAX_SAFE_INTEGER, 1_000)).length;

  it("sends a wait of a tier's length through the tier: there when it is due and not before", async () => {
    await start();
    await at.log.append([scheduled("five seconds", 5_000)]);
    await quiet();
    expect(await at.records(topics.tiers[0]?.topic as topics.Topic)).toHaveLength(1);
    expect(await stored()).toBe(0);
    await at.clock.advance(4_999);
    expect(await arrived()).toEqual([]);
    await at.clock.advance(1);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["five seconds"]));
    const [record] = await at.records(target);
    expect(record).toMatchObject({ key: "development/ann", headers: { traceparent: TRACE } });
  });

  it("keeps any other wait in the store, exact to the moment", async () => {
    await start();
    await at.log.append([scheduled("seven seconds", 7_000)]);
    await quiet();
    expect(await stored()).toBe(1);
    await at.clock.advance(6_999);
    expect(await arrived()).toEqual([]);
    await at.clock.advance(1);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["seven seconds"]));
    expect((await at.records(target))[0]?.headers).toEqual({ traceparent: TRACE });
    await vi.waitFor(async () => expect(await stored()).toBe(0));
  });

  it("passes on at once what is due already", async () => {
    await start();
    await at.log.append([scheduled("overdue", -3_000), scheduled("now", 0)]);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["overdue", "now"]));
  });

  it("wakes for something that is due before what it sleeps for", async () => {
    await start();
    await at.log.append([scheduled("later", 900)]);
    await quiet();
    await at.log.append([scheduled("sooner", 300)]);
    await quiet();
    await at.clock.advance(300);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["sooner"]));
    await at.clock.advance(600);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["sooner", "later"]));
  });

  it("appends in the order due, however many there are", async () => {
    await start();
    const words = Array.from({ length: 700 }, (_, index) => String(index));
    const shuffled = words.map((word, index) => ({ word, place: (index * 7919) % 700 })).sort((one, other) => one.place - other.place);
    await at.log.append(shuffled.map(({ word }) => scheduled(word, 20_000 + Number(word))));
    await quiet();
    await at.clock.advance(20_700);
    await vi.waitFor(async () => expect(await arrived()).toHaveLength(700));
    expect(await arrived()).toEqual(words);
  });

  it("keeps stored and tiered waits over a restart", async () => {
    const stages = await start();
    await at.log.append([scheduled("stored", 30_000), scheduled("tiered", 60_000)]);
    await quiet();
    await at.clock.advance(1_000);
    stop.abort();
    await Promise.all([...stages.map((stage) => stage.drain(5_000)), task]);
    await database.close();
    await open();
    await at.clock.advance(20_000);
    await start();
    await at.clock.advance(8_999);
    expect(await arrived()).toEqual([]);
    await at.clock.advance(1);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["stored"]));
    await at.clock.advance(30_000);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["stored", "tiered"]));
  });

  it("loses nothing when it dies between append and remove; what was appended may come twice", async () => {
    const dying: ScheduleStore = { ...store, remove: () => Promise.reject(new Error("the process died here")) };
    await start({ store: dying });
    await at.log.append([scheduled("a", 2_000), scheduled("b", 2_000)]);
    await quiet();
    const died = expect(task).rejects.toThrow("the process died here");
    await at.clock.advance(2_000);
    await died;
    stop = new AbortController();
    task = dueTask({ log: at.log, clock: at.clock, store }).run(stop.signal);
    await vi.waitFor(async () => expect(await stored()).toBe(0));
    expect(await arrived()).toEqual(["a", "b", "a", "b"]);
  });

  it("loses nothing when the log does not take it", async () => {
    let away = true;
    const log: EventLog = { ...at.log, append: (outputs) => (away ? Promise.reject(new Error("no disk")) : at.log.append(outputs)) };
    await start({ log });
    await at.log.append([scheduled("a", 2_000)]);
    await quiet();
    const failed = expect(task).rejects.toThrow("no disk");
    await at.clock.advance(2_000);
    await failed;
    expect(await stored()).toBe(1);
    away = false;
    stop = new AbortController();
    task = dueTask({ log, clock: at.clock, store }).run(stop.signal);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["a"]));
  });

  it("buries what has no target that exists, also when it was stored by another version", async () => {
    await start();
    await at.log.append([scheduled("lost", 1_234, { topic: "no-such-topic" })]);
    const letters = async () => (await at.records(topics.deadSchedule)).map(({ value }) => fromBinary(DeadLetterSchema, value));
    await vi.waitFor(async () => expect(await letters()).toMatchObject([{ reason: "invalid", stage: "scheduler" }]));
    await store.put([{ id: "old", dueAtMs: at.clock.nowMs(), topic: "gone-topic", key: "k", value: bytes("old"), trace: "" }]);
    await at.clock.advance(1_000);
    await vi.waitFor(async () => expect(await letters()).toHaveLength(2));
    const [, old] = await letters();
    expect(text(fromBinary(ScheduledSchema, old?.value as Uint8Array).value)).toBe("old");
    expect(await stored()).toBe(0);
  });

  it("stores a wait once, however often its record is read", async () => {
    await start();
    await at.log.append([scheduled("twice", 8_000), scheduled("twice", 8_000)]);
    await quiet();
    expect(await stored()).toBe(1);
    await at.clock.advance(8_000);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["twice"]));
  });

  it("lets no partition of a tier wait for one whose records are due later", async () => {
    const minute = topics.tiers[1]?.topic as topics.Topic;
    const partition = (key: string) => partitionOf(key, minute.partitions);
    const others = Array.from({ length: 40 }, (_, index) => `development/${index}`).filter((key) => partition(key) !== partition("late"));
    const inTier = (word: string, key: string, afterMs: number) => ({ ...scheduled(word, afterMs, { key }), topic: minute, key });
    await at.log.append(Array.from({ length: 3_000 }, (_, index) => inTier(`late ${index}`, "late", 60_000)));
    await at.log.append(others.map((key) => inTier(`soon ${key}`, key, 1_000)));
    await start();
    await at.clock.advance(1_000);
    await vi.waitFor(async () => expect(await arrived()).toHaveLength(others.length));
    await at.clock.advance(58_999);
    expect(await arrived()).toHaveLength(others.length);
    await at.clock.advance(1);
    await vi.waitFor(async () => expect(await arrived()).toHaveLength(others.length + 3_000));
  });

  it("keeps a wait of half a year over restarts, and sends it on the day", async () => {
    const DAY_MS = 86_400_000;
    const stages = await start();
    await at.log.append([scheduled("half a year", 180 * DAY_MS)]);
    await quiet();
    stop.abort();
    await Promise.all([...stages.map((stage) => stage.drain(5_000)), task]);
    await database.close();
    at.clock.set(179 * DAY_MS);
    await open();
    await start();
    at.clock.set(DAY_MS - 2_000);
    await at.clock.advance(1_999);
    expect(await arrived()).toEqual([]);
    await at.clock.advance(1);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["half a year"]));
    await vi.waitFor(async () => expect(await stored()).toBe(0));
  });

  it("sends each once when the clock is set back an hour: what is stored at its time, what is in a tier after the tier's length", async () => {
    await start();
    await at.log.append([scheduled("stored", 20_000), scheduled("tiered", 60_000), scheduled("due already", 7_000)]);
    await quiet();
    await at.clock.advance(7_000);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["due already"]));
    at.clock.set(-3_600_000);
    await at.log.append([scheduled("stored since", 2_000)]);
    await quiet();
    await at.clock.advance(2_000);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["due already", "stored since"]));
    await at.clock.advance(50_000);
    expect(await arrived()).toEqual(["due already", "stored since"]);
    await at.clock.advance(3_000);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["due already", "stored since", "tiered"]));
    await at.clock.advance(3_600_000 - 55_000);
    expect(await arrived()).toHaveLength(3);
    await at.clock.advance(53_000);
    await vi.waitFor(async () => expect(await arrived()).toEqual(["due already", "stored since", "tiered", "stored"]));
    await at.clock.advance(7_200_000);
    expect(await arrived()).toHaveLength(4);
    expect(await stored()).toBe(0);
  });

  it("notices within a second that the clock was set forward", async () => {
    await start();
    await at.log.append([scheduled("stored", 1_800_000), scheduled("tiered", 3_600_000)]);
    await quiet();
    at.clock.set(3_600_000);
    await at.clock.advance(1_000);
    await vi.waitFor(async () => expect((await arrived()).sort()).toEqual(["stored", "tiered"]));
  });

  it("lets others have their turn while 100,000 are due in the same minute, each sent once", { timeout: 120_000 }, async () => {
    const COUNT = 100_000;
    const dueAtMs = at.clock.nowMs() + 60_000;
    const waits = Array.from({ length: COUNT }, (_, index) => ({
      ...{ id: `id ${index}`, dueAtMs: dueAtMs + (index % 60_000), topic: target.name, key: `development/${index % 1_000}` },
      ...{ value: bytes(String(index)), trace: "" },
    }));
    for (let from = 0; from < COUNT; from += 10_000) await store.put(waits.slice(from, from + 10_000));
    let most = 0;
    /** What somebody else got done since the append before. */
    let turns = 0;
    let starved = 0;
    let appends = 0;
    const log: EventLog = {
      ...at.log,
      append(outputs) {
        if (appends++ > 0 && turns === 0) starved++;
        turns = 0;
        most = Math.max(most, outputs.length);
        return at.log.append(outputs);
      },
    };
    let over = false;
    const others = (async () => {
      for (; !over; turns++) await new Promise((resolve) => setImmediate(resolve));
    })();
    await start({ log });
    at.clock.set(180_000);
    await at.clock.advance(1_000);
    await vi.waitFor(async () => expect(await store.nextDueMs()).toBeUndefined(), 110_000);
    over = true;
    await others;
    const values = await arrived();
    expect(values).toHaveLength(COUNT);
    expect(new Set(values).size).toBe(COUNT);
    expect(most).toBeLessThanOrEqual(250);
    expect(starved).toBe(0);
  });
});
