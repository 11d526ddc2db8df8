import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { mysqlTemplateStore } from "./store.mysql.ts";
import { templateStoreSuite } from "./store.suite.ts";
import type { TemplateStore } from "./store.ts";

let database: TestDatabase;
let store: TemplateStore;
let other: TemplateStore;

beforeAll(async () => {
  database = await testDatabase();
  store = await mysqlTemplateStore(await database.open());
  other = await mysqlTemplateStore(await database.open());
});
afterAll(() => database.end());

templateStoreSuite("MySQL", async () => {
  await database.admin.query("DELETE FROM templates; DELETE FROM template_versions");
  return store;
});

const source = (text: string) => new TextEncoder().encode(text);

it("lets one of two services make a template, and one of two change it", async () => {
  const made = await Promise.all([store, other].map((each) => each.create("race", { name: "t", source: source("one") }, 5)));
  expect(made.filter((template) => template !== undefined)).toHaveLength(1);
  const saved = await Promise.all(
    [store, other].map((each, at) => each.saveDraft("race", { name: "t", source: source(String(at)) }, 1, 6)),
  );
  expect(saved.filter((version) => version === "outdated")).toHaveLength(1);
  expect(await other.versions("race", "t", 10)).toMatchObject([{ version: 1, revision: 2 }]);
});

it("takes a source as large as a call may be, byte by byte", async () => {
  const large = new Uint8Array(4 * 1024 * 1024).map((_, at) => at % 251);
  await store.create("large", { name: "t", source: large }, 5);
  expect(Buffer.compare((await other.version("large", "t", 1))?.source as Uint8Array, large)).toBe(0);
});
