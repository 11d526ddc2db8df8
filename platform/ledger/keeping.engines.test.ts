import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { openRedis, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { mysqlCancels } from "./cancels.mysql.ts";
import { mysqlErased } from "./erased.mysql.ts";
import { type Keeps, keeping, type Told, tellAgain } from "./keeping.ts";
import { attemptOf } from "./ledger.fixture.ts";
import { redisLedger } from "./ledger.redis.ts";
import { mysqlSuppressed } from "./suppressed.mysql.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000 };

let database: TestDatabase;
let keeps: Keeps;

beforeAll(async () => {
  database = await testDatabase();
  const mysql = await database.open({ metrics: new Registry() });
  keeps = { cancels: await mysqlCancels(mysql), suppressed: await mysqlSuppressed(mysql), erased: await mysqlErased(mysql) };
});
beforeEach(() => database.admin.query("DELETE FROM cancels; DELETE FROM suppressed; DELETE FROM erased"));
afterAll(() => database.end());

const ann = { environment: "development", whom: "ann" };

async function opened(told: Keeps = keeps) {
  const connection = await openRedis();
  const prefix = ownPrefix(connection);
  const plain = await redisLedger({
    connection,
    prefix,
    restore: (_lost, empty, resuming) => tellAgain(empty, told, Date.now(), resuming),
  });
  const lose = async () => {
    await connection.redis.unlink(await connection.redis.keys(`${prefix}*`));
    await expect(ledger.intend([attemptOf({ deliveryId: "d-lost", reaches: [] })])).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await expect.poll(() => plain.health().ok, soon).toBe(true);
  };
  const ledger = keeping(plain, told);
  return { ledger, lose, connection, prefix };
}

it("a ledger that has lost everything knows again whom nothing is sent to, and who was let off", async () => {
  const { ledger, lose } = await opened();
  const many = Array.from({ length: 903 }, (_, n) => ({ ...ann, whom: `whom-${n}`, suppressed: true, atMs: 5 }));
  await Promise.all(many.map((each) => ledger.suppress(each)));
  await ledger.suppress({ ...ann, suppressed: true, atMs: 5 });
  await ledger.suppress({ ...ann, suppressed: false, atMs: 6 });
  await ledger.cancel({ environment: "development", notificationId: "n-canceled", untilMs: Date.now() + 60_000 });
  await ledger.erase({ ...ann, whom: "erased", atMs: 1_000, untilMs: Date.now() + 60_000 });
  await ledger.erase({ ...ann, whom: "erased", atMs: 900, untilMs: Date.now() + 60_000 });
  await lose();
  const tries = [
    ...many.map(({ whom }) => attemptOf({ deliveryId: whom, reaches: [whom] })),
    attemptOf({ deliveryId: "d-erased", reaches: ["erased"] }),
    attemptOf({ deliveryId: "d-ann", reaches: ["ann"] }),
    attemptOf({ notificationId: "n-canceled" }),
  ];
  const answers = (await ledger.intend(tries)).map(({ is }) => is);
  expect(answers.slice(0, -3).every((is) => is === "suppressed")).toBe(true);
  expect(answers.slice(-3)).toEqual(["erased", "send", "canceled"]);
});

it("a suppression that is told again late does not undo what was said since", async () => {
  const { ledger, lose } = await opened();
  await ledger.suppress({ ...ann, suppressed: true, atMs: 7 });
  await ledger.suppress({ ...ann, suppressed: false, atMs: 6 });
  await lose();
  expect((await ledger.intend([attemptOf({ reaches: ["ann"] })]))[0]?.is).toBe("suppressed");
  await ledger.suppress({ ...ann, suppressed: false, atMs: 8 });
  for await (const page of keeps.suppressed.all(0)) for (const each of page) await ledger.suppress({ ...each, suppressed: true, atMs: 7 });
  expect((await ledger.intend([attemptOf({ deliveryId: "d-2", reaches: ["ann"] })]))[0]?.is).toBe("send");
});

it("what is not kept is not told either", async () => {
  const { ledger } = await opened({
    ...keeps,
    suppressed: { ...keeps.suppressed, keep: () => Promise.reject(new Error("MySQL is away")) },
  });
  await expect(ledger.suppress({ ...ann, suppressed: true, atMs: 5 })).rejects.toThrow("MySQL is away");
  expect((await ledger.intend([attemptOf({ reaches: ["ann"] })]))[0]?.is).toBe("send");
});

it("what was told before somebody died is not told again: the next one goes on behind it, kind by kind", async () => {
  const untilMs = Date.now() + 60_000;
  for (const notificationId of ["n-1", "n-2"]) await keeps.cancels.keep({ environment: "development", notificationId, untilMs });
  for (const whom of ["a", "b", "c"]) await keeps.suppressed.keep({ ...ann, whom, suppressed: true, atMs: 5 });
  await keeps.erased.keep({ ...ann, whom: "e", atMs: 5, untilMs });
  const told = async (from?: string) => {
    const heard: string[] = [];
    const places: string[] = [];
    const ledger: Told = {
      async cancel({ notificationId }) {
        heard.push(notificationId);
        return [];
      },
      suppress: async ({ whom }) => void heard.push(whom),
      erase: async ({ whom }) => void heard.push(whom),
    };
    await tellAgain(ledger, keeps, Date.now(), { from, reached: async (place) => void places.push(place) });
    return { heard, places };
  };
  const whole = await told();
  expect(whole.heard).toEqual(["n-1", "n-2", "a", "b", "c", "e"]);
  expect((await told(whole.places[0])).heard).toEqual(["a", "b", "c", "e"]);
  expect((await told(whole.places[1])).heard).toEqual(["e"]);
  expect((await told(whole.places[2])).heard).toEqual([]);
  expect((await told(JSON.stringify([1, "development", "a"]))).heard).toEqual(["b", "c", "e"]);
});

it("forgets who was let off long ago, and nobody else", async () => {
  for (const [whom, suppressed, atMs] of [
    ["kept", true, 5],
    ["lifted", false, 5],
    ["lately", false, 9],
  ] as const)
    await keeps.suppressed.keep({ ...ann, whom, suppressed, atMs });
  expect(await keeps.suppressed.sweep(9, 10)).toBe(1);
  const left = [];
  for await (const page of keeps.suppressed.all(0)) left.push(...page.map(({ whom }) => whom));
  expect(left).toEqual(["kept", "lately"]);
});
