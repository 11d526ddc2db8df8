import { afterAll, beforeAll, expect, it } from "vitest";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { replaysSuite } from "./replays.suite.ts";
import { mysqlDeadLetterStore } from "./store.mysql.ts";
import { deadLetterStoreSuite } from "./store.suite.ts";
import type { DeadLetterStore, Letter } from "./store.ts";

let database: TestDatabase;
let store: DeadLetterStore;
let other: DeadLetterStore;

beforeAll(async () => {
  database = await testDatabase();
  store = await mysqlDeadLetterStore(await database.open());
  other = await mysqlDeadLetterStore(await database.open());
});
afterAll(() => database.end());

deadLetterStoreSuite("MySQL", async () => {
  await database.admin.query("DELETE FROM dead_letters");
  return store;
});

replaysSuite("MySQL", async () => {
  await database.admin.query("DELETE FROM dead_letters; DELETE FROM replays");
  return { store, other };
});

const letter = (id: string, more: Partial<Letter> = {}): Letter => ({
  ...{ environment: "race", id, queue: "dlq-email", stage: "email-workers", reason: "attempts_exhausted", detail: "451 no" },
  ...{ diedAtMs: 100, topic: "email-notifications", notificationId: "n", deliveryId: "d", userId: "ann", channel: Channel.EMAIL, cycle: 1 },
  original: { key: "race/ann", value: new Uint8Array([0, 255]), headers: {} },
  ...{ writtenAtMs: 0, way: undefined },
  ...more,
});

it("settles each letter for one of two services that settle the same at the same time", async () => {
  const ids = Array.from({ length: 200 }, (_, at) => `id-${at}`);
  await Promise.all([store.keep(ids.map((id) => letter(id))), other.keep(ids.toReversed().map((id) => letter(id)))]);
  const settled = await Promise.all([
    store.settle("race", ids, "replayed", 500),
    other.settle("race", ids.toReversed(), "discarded", 600),
    store.settle("race", ids.slice(50, 150), "discarded", 700),
  ]);
  expect(settled.flat().sort()).toEqual(ids.toSorted());
});

it("keeps a letter as large as its topic takes, with any character in its words", async () => {
  const value = new Uint8Array(2 * 1024 * 1024).fill(7);
  const detail = "said: caf\u00e9 \u{1f514}\u0000 'x' \\ end ";
  const kept = letter("large", { detail, original: { key: "race/a\u0000 ", value, headers: { note: "\u{1f514}" } } });
  await store.keep(Array.from({ length: 10 }, (_, at) => ({ ...kept, id: `large-${at}` })));
  expect(await other.find("race", ["large-9"])).toEqual([{ ...kept, id: "large-9", state: "kept", settledAtMs: 0 }]);
});
