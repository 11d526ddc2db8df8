import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { mysqlPreferenceStore } from "./store.mysql.ts";
import { preferenceStoreSuite } from "./store.suite.ts";
import type { PreferenceStore } from "./store.ts";

let database: TestDatabase;
let store: PreferenceStore;

beforeAll(async () => {
  database = await testDatabase();
  store = await mysqlPreferenceStore(await database.open());
});
afterAll(() => database.end());

preferenceStoreSuite("MySQL", async () => {
  await database.admin.query("DELETE FROM people; DELETE FROM choices; DELETE FROM erasures");
  return store;
});

it("tells apart ids that differ in case, in accents, in spaces at the end, and in what no line shows", async () => {
  const ids = [
    "ann",
    "Ann",
    "änn",
    "a\u0308nn",
    "ann ",
    "ann  ",
    "ann\u0000",
    "ann\t",
    "\u{1f514}",
    "\u{1f515}",
    "",
    "'); --",
    "\\",
    "\ufeffann",
  ];
  await store.upsert(
    "development",
    ids.map((userId, at) => ({ userId, name: String(at) })),
    5,
  );
  const found = await store.find("development", ids);
  expect(found.map((known) => [known?.person.userId, known?.person.name])).toEqual(ids.map((userId, at) => [userId, String(at)]));
});

it("keeps what two write of the same people at the same time", async () => {
  const other = await mysqlPreferenceStore(await database.open());
  const ids = Array.from({ length: 50 }, (_, at) => `both-${at}`);
  await Promise.all([
    ...ids.map((userId) => store.upsert("development", [{ userId, email: `${userId}@example.test` }], 5)),
    other.upsert(
      "development",
      ids.toReversed().map((userId) => ({ userId, name: "Both" })),
      6,
    ),
    store.findOrCreate("development", ids, 7),
    other.findOrCreate("development", ids.toReversed(), 8),
  ]);
  const people = (await store.find("development", ids)).map((known) => known?.person);
  expect(people.map((person) => [person?.email, person?.name])).toEqual(ids.map((userId) => [`${userId}@example.test`, "Both"]));
});

it("keeps no more choices than may be, also when many choose at once", async () => {
  const other = await mysqlPreferenceStore(await database.open());
  const choices = Array.from({ length: 40 }, (_, at) => ({
    userId: "chooser",
    choice: { category: `c${at}`, muted: true, mutedUntilMs: 0, channels: [] },
  }));
  const answers = await Promise.all(choices.map((choice, at) => (at % 2 ? store : other).choose("development", [choice], 10, 5)));
  expect(answers.flat().filter((chosen) => chosen)).toHaveLength(10);
  expect((await store.find("development", ["chooser"]))[0]?.choices).toHaveLength(10);
});

it("finds a thousand people, with their choices, by one statement", async () => {
  const metrics = new Registry();
  const counted = await mysqlPreferenceStore(await database.open({ metrics }));
  const statements = async () => Number(/statement_seconds_count\S* (\d+)/.exec(await metrics.metrics())?.[1]);
  const ids = Array.from({ length: 1_000 }, (_, at) => `many-${at}`);
  await counted.findOrCreate("development", ids, 5);
  const before = await statements();
  expect(before).toBeGreaterThan(0);
  expect((await counted.findOrCreate("development", ids, 5)).every(({ person }) => person.createdAtMs === 5)).toBe(true);
  expect(await statements()).toBe(before + 1);
});
