import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { bytes, type Trial, trial } from "../../test/fakes/stage.ts";
import { dueTask } from "./due.ts";
import { mysqlScheduleStore } from "./store.mysql.ts";
import { scheduleStoreSuite } from "./store.suite.ts";
import type { ScheduleStore, Wait } from "./store.ts";

const HALF_A_MINUTE = 30_000;
const target = topics.email.medium;

let database: TestDatabase;
let store: ScheduleStore;
let other: ScheduleStore;

beforeAll(async () => {
  database = await testDatabase();
  store = await mysqlScheduleStore(await database.open(), "one");
  other = await mysqlScheduleStore(await database.open(), "other");
});
afterAll(() => database.end());
beforeEach(() => database.admin.query("DELETE FROM waits"));

scheduleStoreSuite("MySQL", async () => {
  await database.admin.query("DELETE FROM waits");
  return store;
});

const waits = (count: number, dueAtMs = 5): Wait[] =>
  Array.from({ length: count }, (_, at) => ({
    ...{ id: `wait ${at}`, dueAtMs, topic: target.name, key: `development/${at % 50}`, value: bytes(String(at)), trace: "" },
  }));
const idsOf = (found: readonly Wait[]) => found.map(({ id }) => id);

it("answers a wait to one of two schedulers, also when both ask at the same time", async () => {
  await store.put(waits(100));
  const pages = await Promise.all([store.due(5, 30), other.due(5, 30), store.due(5, 30), other.due(5, 30)]);
  const ones = new Set([...(pages[0] as Wait[]), ...(pages[2] as Wait[])].map(({ id }) => id));
  const others = new Set([...(pages[1] as Wait[]), ...(pages[3] as Wait[])].map(({ id }) => id));
  expect(ones.size).toBeGreaterThanOrEqual(30);
  expect(others.size).toBeGreaterThanOrEqual(30);
  expect([...ones].filter((id) => others.has(id))).toEqual([]);
});

it("answers a scheduler its own again, and to another one when half a minute is over", async () => {
  await store.put(waits(10));
  const mine = idsOf(await store.due(5, 4));
  expect(idsOf(await store.due(6, 4))).toEqual(mine);
  const theirs = idsOf(await other.due(6, 100));
  expect(theirs).toHaveLength(6);
  await other.remove(theirs);
  expect(await other.due(5 + HALF_A_MINUTE, 100)).toEqual([]);
  expect(idsOf(await other.due(6 + HALF_A_MINUTE, 100))).toEqual(mine);
  expect(await store.due(6 + HALF_A_MINUTE, 100)).toEqual([]);
});

it("keeps one wait of an id that two put at the same time, and takes two batches in opposite orders", async () => {
  const all = waits(400);
  await Promise.all([store.put(all), other.put(all.toReversed()), store.put(all.slice(100, 300))]);
  const found = await store.due(5, 1_000);
  expect(idsOf(found).sort()).toEqual(idsOf(all).sort());
});

let at: Trial;
const stop = { signal: new AbortController() };
beforeEach(() => {
  at = trial(topics.all);
  stop.signal = new AbortController();
});
afterEach(() => at.end());

it("is emptied by two schedulers together, each wait appended once", async () => {
  await store.put(waits(3_000, at.clock.nowMs()));
  const appended = { one: 0, other: 0 };
  const counting = (who: keyof typeof appended) => ({
    ...at.log,
    append: async (outputs: Parameters<typeof at.log.append>[0]) => {
      appended[who] += outputs.length;
      await at.log.append(outputs);
    },
  });
  const tasks = [
    dueTask({ log: counting("one"), clock: at.clock, store }).run(stop.signal.signal),
    dueTask({ log: counting("other"), clock: at.clock, store: other }).run(stop.signal.signal),
  ];
  await vi.waitFor(async () => expect(await store.nextDueMs()).toBeUndefined(), 20_000);
  stop.signal.abort();
  await Promise.all(tasks);
  const values = await at.texts(target);
  expect(values).toHaveLength(3_000);
  expect(new Set(values).size).toBe(3_000);
  expect(Math.min(appended.one, appended.other)).toBeGreaterThan(0);
});

it("is not asked over and over for what another scheduler holds, and goes on when that one has died", async () => {
  await store.put(waits(20, at.clock.nowMs()));
  await store.due(at.clock.nowMs(), 20);
  let asked = 0;
  const asleep = at.clock.sleepers();
  const counted: ScheduleStore = {
    ...other,
    due(nowMs, limit) {
      asked++;
      return other.due(nowMs, limit);
    },
  };
  const task = dueTask({ log: at.log, clock: at.clock, store: counted }).run(stop.signal.signal);
  await vi.waitFor(() => expect(at.clock.sleepers()).toBe(asleep + 1));
  expect(asked).toBe(1);
  at.clock.set(HALF_A_MINUTE);
  await at.clock.advance(1_000);
  await vi.waitFor(async () => expect(await at.texts(target)).toHaveLength(20), 10_000);
  stop.signal.abort();
  await task;
});
