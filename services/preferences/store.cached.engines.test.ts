import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { cacheNeeds } from "#platform/cache/cache.fixture.ts";
import { redisCache } from "#platform/cache/cache.redis.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import { cachedPreferenceStore, knownPersonCodec, PREFERENCES_KEPT_MS } from "./store.cached.ts";
import { sqlitePreferenceStore } from "./store.sqlite.ts";
import { preferenceStoreSuite } from "./store.suite.ts";
import type { KnownPerson, PreferenceStore } from "./store.ts";

async function opened() {
  const folder = mkdtempSync(join(tmpdir(), "carillon-preferences-"));
  const database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  onTestFinished(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });
  const plain = await sqlitePreferenceStore(database);
  const asked: string[] = [];
  const counted: PreferenceStore = {
    ...plain,
    find: (environment, ids) => {
      asked.push(...ids);
      return plain.find(environment, ids);
    },
    findOrCreate: (environment, ids, nowMs) => {
      asked.push(...ids);
      return plain.findOrCreate(environment, ids, nowMs);
    },
  };
  const needs = await cacheNeeds();
  const cache = await redisCache<KnownPerson>({ ...needs, name: "preferences", ttlMs: PREFERENCES_KEPT_MS, codec: knownPersonCodec });
  return { store: cachedPreferenceStore(counted, cache), asked };
}

preferenceStoreSuite("SQLite behind a cache", async () => (await opened()).store);

it("asks the store once for a person, and again once they have changed, whatever changed", async () => {
  const { store, asked } = await opened();
  const look = async () => (await store.findOrCreate("development", ["ann", "bo"], 5))[0];
  await look();
  await look();
  expect(await store.find("development", ["bo", "ann"])).toHaveLength(2);
  expect(asked).toEqual(["ann", "bo"]);
  const choice = { category: "posts", muted: true, mutedUntilMs: 0, channels: [] };
  await store.choose("development", [{ userId: "ann", choice }], 500, 6);
  expect((await look())?.choices).toEqual([choice]);
  await store.upsert("development", [{ userId: "ann", name: "Ann" }], 7);
  expect((await look())?.person.name).toBe("Ann");
  const hours = { start: "22:00", end: "07:00", days: [] };
  await store.setQuietHours("development", { userId: "ann", hours, timeZone: "Europe/Vienna" }, 8);
  expect((await look())?.quietHours).toEqual(hours);
  expect(asked).toEqual(["ann", "bo", "ann", "ann", "ann"]);
});

it("does not keep that somebody is not known", async () => {
  const { store, asked } = await opened();
  expect(await store.find("development", ["ann"])).toEqual([undefined]);
  expect(await store.find("development", ["ann"])).toEqual([undefined]);
  expect(asked).toEqual(["ann", "ann"]);
});

it("does not take one person for another whose id only looks the same to Redis", async () => {
  const { store } = await opened();
  const [one] = await store.findOrCreate("development", ["\ud800"], 5);
  const [other] = await store.findOrCreate("development", ["\ud801"], 5);
  expect([one?.person.userId, other?.person.userId]).toEqual(["\ud800", "\ud801"]);
});
