import { afterAll, beforeAll, expect, it } from "vitest";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { mysqlAccessStore } from "./store.mysql.ts";
import { accessStoreSuite } from "./store.suite.ts";
import type { AccessStore, EnvironmentRecord, NewKey } from "./store.ts";

let database: TestDatabase;
let store: AccessStore;
let other: AccessStore;

beforeAll(async () => {
  database = await testDatabase();
  store = await mysqlAccessStore(await database.open());
  other = await mysqlAccessStore(await database.open());
});
afterAll(() => database.end());

const empty = () => database.admin.query("DELETE FROM access_environments; DELETE FROM access_keys");

accessStoreSuite("MySQL", async () => {
  await empty();
  return store;
});

const environment = (name: string): EnvironmentRecord => ({ name, kind: EnvironmentKind.LIVE, home: false, createdAtMs: 1_000 });
const key = (prefix: string): NewKey => ({
  ...{ prefix, hash: new Uint8Array(32).fill(7), environment: "production", name: "jobs", scopes: [Scope.SEND] },
  ...{ createdAtMs: 1_000, expiresAtMs: 0 },
});
/** Half of them by one process, half by another. */
const byBoth = <T>(count: number, work: (each: AccessStore, at: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, at) => work(at % 2 ? store : other, at)));

it("holds its bounds and makes the first key once, also when many processes ask at the same time", async () => {
  await empty();
  const first = await byBoth(10, (each, at) => each.createFirst({ ...environment("production"), home: true }, key(`first-${at}`)));
  expect(first.filter((made) => made)).toHaveLength(1);
  const made = await byBoth(10, (each, at) => each.createEnvironment(environment(`e${at}`), 5));
  expect(made.filter((is) => is === "made")).toHaveLength(4);
  const keys = await byBoth(10, (each, at) => each.createKey(key(`more-${at}`), 5));
  expect(keys.filter((is) => is)).toHaveLength(4);
  const replaced = await byBoth(10, (each, at) => each.replaceKey("more-x", 1_000, key(`next-${at}`), 5));
  expect(replaced.every((is) => is === "ended")).toBe(true);
});

it("replaces a key once, also when two ask at the same time", async () => {
  await empty();
  await store.createKey(key("old"), 10);
  const replaced = await byBoth(6, (each, at) => each.replaceKey("old", 1_000, key(`new-${at}`), 10));
  expect(replaced.filter((is) => is === "replaced")).toHaveLength(1);
  expect(await other.listKeys("production", 0, 10)).toHaveLength(2);
});

it("knows in every process at once that a key is revoked", async () => {
  await empty();
  await store.createKey(key("a"), 10);
  expect((await other.findKey("a"))?.revokedAtMs).toBe(0);
  await store.revokeKey("a", 2_000);
  expect((await other.findKey("a"))?.revokedAtMs).toBe(2_000);
});
