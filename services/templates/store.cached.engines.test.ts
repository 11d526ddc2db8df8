import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { cacheNeeds } from "#platform/cache/cache.fixture.ts";
import { redisCache } from "#platform/cache/cache.redis.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import { cachedTemplateStore, TEMPLATES_KEPT_MS, templateCodecs } from "./store.cached.ts";
import { sqliteTemplateStore } from "./store.sqlite.ts";
import { templateStoreSuite } from "./store.suite.ts";
import type { TemplateStore } from "./store.ts";

async function opened() {
  const folder = mkdtempSync(join(tmpdir(), "carillon-templates-"));
  const database = await openDatabase({ file: join(folder, "carillon.sqlite") });
  onTestFinished(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });
  const plain = await sqliteTemplateStore(database);
  const asked: string[] = [];
  const counted: TemplateStore = {
    ...plain,
    find: (...of) => {
      asked.push("find");
      return plain.find(...of);
    },
    versions: (...of) => {
      asked.push("versions");
      return plain.versions(...of);
    },
    version: (...of) => {
      asked.push("version");
      return plain.version(...of);
    },
  };
  const needs = { ...(await cacheNeeds()), ttlMs: TEMPLATES_KEPT_MS };
  const store = cachedTemplateStore(counted, {
    records: await redisCache({ ...needs, name: "templates", codec: templateCodecs.records }),
    versions: await redisCache({ ...needs, name: "template-versions", codec: templateCodecs.versions }),
    sources: await redisCache({ ...needs, name: "template-sources", codec: templateCodecs.sources }),
  });
  return { store, asked };
}

templateStoreSuite("SQLite behind caches", async () => (await opened()).store);

it("asks the store once for what is live, and is told at once when that changes", async () => {
  const { store, asked } = await opened();
  const source = new Uint8Array([123, 10, 0, 10]);
  await store.create("development", { name: "t", source }, 5);
  await store.publish("development", "t", 1, 6);
  const look = async () => {
    const found = await store.find("development", "t");
    const versions = await store.versions("development", "t", 1);
    return [found?.liveVersion, versions[0]?.version, await store.version("development", "t", 1)];
  };
  const first = { version: 1, revision: 1, createdAtMs: 5, publishedAtMs: 6, source };
  expect([await look(), await look()]).toEqual([
    [1, 1, first],
    [1, 1, first],
  ]);
  expect(asked).toEqual(["find", "versions", "version"]);
  await store.saveDraft("development", { name: "t", source: new Uint8Array([2]) }, 0, 7);
  expect((await look())[1]).toBe(2);
  await store.publish("development", "t", 1, 8);
  expect((await look())[0]).toBe(2);
  await store.publishAgain("development", "t", 1, 9);
  expect(await look()).toEqual([1, 2, { ...first, publishedAtMs: 9 }]);
  await store.archive("development", "t", 10);
  expect((await look())[0]).toBe(0);
});

it("keeps no draft", async () => {
  const { store, asked } = await opened();
  await store.create("development", { name: "t", source: new Uint8Array([1]) }, 5);
  for (let time = 0; time < 2; time++) expect((await store.version("development", "t", 1))?.source).toEqual(new Uint8Array([1]));
  expect(asked).toEqual(["version", "version"]);
});
