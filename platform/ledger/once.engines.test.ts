import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRedis, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { type TestDatabase, testDatabase } from "../../test/engines/mysql.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { mysqlIntents } from "./intents.mysql.ts";
import { attemptOf, extensionOf, settledAs } from "./ledger.fixture.ts";
import { onceSuite } from "./ledger.once.suite.ts";
import { redisLedger } from "./ledger.redis.ts";
import type { Ledger, Try } from "./ledger.ts";
import { atMostOnce, type Intents } from "./once.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000 };

let database: TestDatabase;
let mysql: Awaited<ReturnType<TestDatabase["open"]>>;

beforeAll(async () => {
  database = await testDatabase();
  mysql = await database.open({ metrics: new Registry() });
});
afterAll(() => database.end());

const clock = fakeClock();
let round = 0;

/** Each on ids of its own, as good as empty. */
async function opened(more: { intents?: (intents: Intents) => Partial<Intents>; ledger?: (ledger: Ledger) => Partial<Ledger> } = {}) {
  const connection = await openRedis();
  const prefix = ownPrefix(connection);
  const own = `${round++}/`;
  const within = <T extends { readonly environment: string }>(items: readonly T[]) =>
    items.map((each) => ({ ...each, environment: own + each.environment }));
  const plain = await redisLedger({ connection, prefix, clock, restore: async () => {} });
  const kept = await mysqlIntents(mysql, { clock });
  const intents: Intents = {
    ...kept,
    begin: (tries) => kept.begin(within(tries)),
    withdraw: (tries) => kept.withdraw(within(tries)),
    settle: (results) => kept.settle(within(results)),
    giveUp: (tries) => kept.giveUp(within(tries)),
  };
  const ledger: Ledger = atMostOnce({ ...plain, ...more.ledger?.(plain) }, { ...intents, ...more.intents?.(intents) }, { clock });
  const loseEverything = async () => {
    await connection.redis.unlink(await connection.redis.keys(`${prefix}*`));
    await expect(plain.erasedAt("development", ["nobody"])).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await expect.poll(() => plain.health().ok, soon).toBe(true);
  };
  const intend = async (worker: string, more: Partial<Parameters<typeof attemptOf>[0]> = {}) =>
    (await ledger.intend([attemptOf({ atMostOnce: true, worker, ...more })]))[0];
  const settle = async (worker: string, state: Parameters<typeof settledAs>[0]) =>
    (await ledger.settle([settledAs(state, { atMostOnce: true, worker })]))[0];
  /** What the ledger keeps of the one send, from now on. */
  const keep = (value: string) => connection.redis.hset(`${prefix}ledger:{development/n-1}`, "send d-1 1 ann@example.test", value);
  return { plain, intents, ledger, intend, settle, keep, loseEverything };
}

onceSuite("in Redis, with intents in MySQL", async () => ({ ledger: (await opened()).ledger, clock }));

const away = () => Promise.reject(new Error("away"));

describe("a ledger that loses everything", () => {
  it("while a send is under way: it is given up, and its late outcome changes nothing", async () => {
    const { intend, settle, loseEverything } = await opened();
    expect(await intend("w-1")).toEqual({ is: "send" });
    await loseEverything();
    // The intent's own lease lives, so that nobody is given up who has just begun.
    expect((await intend("w-2"))?.is).toBe("leased");
    await clock.advance(17_000);
    expect(await intend("w-3")).toEqual({ is: "unresolved", atMs: clock.nowMs() });
    expect(await settle("w-1", "sent")).toBe(false);
    await loseEverything();
    expect(await intend("w-4")).toMatchObject({ is: "settled", state: "unresolved" });
  });

  it.each(["sent", "failed", "dead", "expired"] as const)("after a send came to %s: it stays that", async (state) => {
    const { intend, settle, loseEverything } = await opened();
    await intend("w-1");
    expect(await settle("w-1", state)).toBe(true);
    await loseEverything();
    expect(await intend("w-2")).toMatchObject({ is: "settled", state });
  });

  it("with what was decided, which is decided anew for another address: what was sent to the one is not sent to the other", async () => {
    const { intend, settle, loseEverything } = await opened();
    await intend("w-1");
    expect(await settle("w-1", "sent")).toBe(true);
    await loseEverything();
    expect(await intend("w-2", { target: "other@example.test" })).toMatchObject({ is: "settled", state: "sent" });
  });

  it("after a send was refused for now: it is tried again", async () => {
    const { intend, settle, loseEverything } = await opened();
    await intend("w-1");
    await settle("w-1", { released: { attempt: 1, wait: 0 } });
    await loseEverything();
    expect(await intend("w-2", { attempt: 1 })).toEqual({ is: "send" });
    await loseEverything();
    await clock.advance(17_000);
    expect((await intend("w-3", { attempt: 1 }))?.is).toBe("unresolved");
  });
});

describe("a process that dies", () => {
  it("between the intent and the lease has its send given up", async () => {
    const { intents, intend } = await opened();
    await intents.begin([attemptOf({ atMostOnce: true, worker: "w-1" })]);
    expect((await intend("w-2"))?.is).toBe("leased");
    await clock.advance(17_000);
    expect((await intend("w-3"))?.is).toBe("unresolved");
  });

  it("between the outcome's two writes has told it", async () => {
    const { intents, intend } = await opened();
    await intend("w-1");
    await intents.settle([settledAs("sent", { worker: "w-1" })]);
    await clock.advance(17_000);
    expect(await intend("w-2")).toMatchObject({ is: "settled", state: "sent" });
  });

  it("between the two writes of a release has told it: the lease in the ledger runs out, and the send is tried again", async () => {
    const { intents, intend } = await opened();
    await intend("w-1");
    await intents.settle([settledAs({ released: { attempt: 1, wait: 0 } }, { worker: "w-1" })]);
    expect((await intend("w-2", { attempt: 1 }))?.is).toBe("leased");
    await clock.advance(17_000);
    expect(await intend("w-3", { attempt: 1 })).toEqual({ is: "send" });
  });

  it("while giving up a send leaves it to the next one", async () => {
    const { ledger, intend, plain } = await opened();
    await intend("w-1");
    await clock.advance(17_000);
    // It took the lease over, and got no further.
    expect((await plain.intend([attemptOf({ worker: "w-2" })]))[0]?.is).toBe("unknown");
    expect((await intend("w-3"))?.is).toBe("leased");
    await clock.advance(17_000);
    expect((await intend("w-4"))?.is).toBe("unresolved");
    expect(await ledger.extend([extensionOf({ worker: "w-1" })])).toEqual(["lost"]);
  });
});

describe("a store that is away", () => {
  it("of the ledger: nothing was begun, so the send is not given up later", async () => {
    let isAway = true;
    const { intend } = await opened({
      ledger: (ledger) => ({ intend: (tries, options) => (isAway ? away() : ledger.intend(tries, options)) }),
    });
    await expect(intend("w-1")).rejects.toThrow("away");
    isAway = false;
    expect(await intend("w-1b")).toEqual({ is: "send" });
  });

  it("of the intents: nothing is leased, and others go on", async () => {
    const { ledger, intend } = await opened({ intents: () => ({ begin: away, settle: away }) });
    await expect(intend("w-1")).rejects.toThrow("away");
    expect(await ledger.intend([attemptOf({ worker: "w-2" })])).toEqual([{ is: "send" }]);
    expect(await ledger.settle([settledAs("sent", { worker: "w-2" })])).toEqual([true]);
  });

  it("of the intents, whose answer was lost: what was begun all the same was not sent, and is begun anew", async () => {
    let answers = 0;
    const { intend } = await opened({
      intents: (intents) => ({
        begin: async (tries) => {
          const began = await intents.begin(tries);
          return answers++ === 0 ? away() : began;
        },
      }),
    });
    await expect(intend("w-1")).rejects.toThrow("away");
    await clock.advance(17_000);
    expect(await intend("w-1b")).toEqual({ is: "send" });
  });

  it("of both, one after the other: nothing was sent either, and it is begun anew", async () => {
    let isAway = true;
    const { intend } = await opened({
      ledger: (ledger) => ({ intend: (tries, options) => (isAway ? away() : ledger.intend(tries, options)) }),
      intents: (intents) => ({ withdraw: (tries) => (isAway ? away() : intents.withdraw(tries)) }),
    });
    await expect(intend("w-1")).rejects.toThrow("away");
    isAway = false;
    await clock.advance(17_000);
    expect(await intend("w-1b")).toEqual({ is: "send" });
  });

  it.each([
    { call: "withdraw", store: "intents" },
    { call: "giveUp", store: "intents" },
    { call: "settle", store: "ledger" },
  ] as const)(
    "of the $store, at `$call` once leases were given: what the same call began was not sent, and is begun anew",
    async ({ call, store }) => {
      let isAway = false;
      const failing = <T extends object>(port: T): Partial<T> =>
        ({ [call]: (items: never) => (isAway ? away() : (port[call as never] as (items: never) => unknown)(items)) }) as Partial<T>;
      const { plain, ledger } = await opened({ [store]: failing });
      const [abandoned, leased, begun] = ["d-open", "d-leased", "d-1"].map((deliveryId) => attemptOf({ atMostOnce: true, deliveryId })) as [
        Try,
        Try,
        Try,
      ];
      const by = (worker: string, ...tries: Try[]) =>
        ledger.intend(tries.map((each) => ({ ...each, worker: `${worker}/${each.deliveryId}` })));
      await by("w-1", abandoned);
      await clock.advance(17_000);
      // Of a worker whose intent is gone: the lease is in the way of one that begins.
      await plain.intend([{ ...leased, worker: "w-1" }]);
      isAway = true;
      await expect(by("w-2", abandoned, leased, begun)).rejects.toThrow("away");
      isAway = false;
      expect((await by("w-3", begun)).map(({ is }) => is)).toEqual(["leased"]);
      await clock.advance(17_000);
      expect((await by("w-4", abandoned, leased, begun)).map(({ is }) => is)).toEqual([
        expect.stringMatching(/^(unresolved|settled)$/),
        "send",
        "send",
      ]);
    },
  );

  it("of both: what was begun is taken back as soon as the intents are there again, so that another process begins it anew", async () => {
    let isAway = true;
    const { intents, plain, intend } = await opened({
      ledger: () => ({ intend: away }),
      intents: (intents) => ({ withdraw: (tries) => (isAway ? away() : intents.withdraw(tries)) }),
    });
    await expect(intend("w-1")).rejects.toThrow("away");
    await clock.advance(1_000);
    isAway = false;
    const other = atMostOnce(plain, intents, { clock });
    let tries = 0;
    const again = async () => {
      await clock.advance(500);
      return (await other.intend([attemptOf({ atMostOnce: true, worker: `other/${++tries}` })]))[0];
    };
    await expect.poll(again, soon).toEqual({ is: "send" });
  });

  it("of the intents, at the outcome: the ledger is not told either, until both are", async () => {
    let isAway = true;
    const { intend, settle } = await opened({
      intents: (intents) => ({ settle: (results) => (isAway ? away() : intents.settle(results)) }),
    });
    await intend("w-1");
    await expect(settle("w-1", "sent")).rejects.toThrow("away");
    expect((await intend("w-2"))?.is).toBe("leased");
    isAway = false;
    expect(await settle("w-1", "sent")).toBe(true);
    expect(await intend("w-3")).toMatchObject({ is: "settled", state: "sent" });
  });
});

describe("an entry of the ledger that cannot be read", () => {
  it("of a send that was begun has it given up: a replay of a dead letter could send it again", async () => {
    const { intend, settle, keep } = await opened();
    expect(await intend("w-1")).toEqual({ is: "send" });
    await keep("lea");
    await clock.advance(17_000);
    const atMs = clock.nowMs();
    expect(await intend("w-2")).toEqual({ is: "unresolved", atMs });
    await clock.advance(17_000);
    expect(await intend("w-3")).toMatchObject({ is: "settled", state: "unresolved", atMs });
    expect(await settle("w-1", "sent")).toBe(false);
  });

  it("of one that has an end says nothing about it", async () => {
    const { intend, settle, keep } = await opened();
    await intend("w-1");
    await settle("w-1", "sent");
    await keep("lea");
    expect(await intend("w-2")).toMatchObject({ is: "settled", state: "sent" });
  });

  it("of one that was not begun is told, and nothing is begun", async () => {
    const { intents, intend, keep } = await opened();
    await keep("lea");
    expect((await intend("w-1"))?.is).toBe("malformed");
    expect((await intents.begin([attemptOf({ atMostOnce: true, worker: "w-2" })]))[0]).toEqual({ is: "send" });
  });
});

it("of many processes at once each send is begun by one", async () => {
  const { ledger } = await opened();
  const tries = (worker: string) =>
    Array.from({ length: 40 }, (_, at) => attemptOf({ atMostOnce: true, deliveryId: `d-${at}`, worker: `${worker}/${at}` }));
  const all = await Promise.all(
    ["w-1", "w-2", "w-3", "w-4"].map((worker) => ledger.intend(worker < "w-3" ? tries(worker) : tries(worker).reverse())),
  );
  for (const each of [2, 3]) all[each] = [...(all[each] ?? [])].reverse();
  for (let at = 0; at < 40; at++) expect(all.map((answers) => answers[at]?.is).sort()).toEqual(["leased", "leased", "leased", "send"]);
});

it("who says late that it did not happen, while it is being given up, leaves it to be tried again", async () => {
  const { intents, intend } = await opened({
    intents: (its) => ({
      async giveUp(tries) {
        await its.settle([settledAs({ released: { attempt: 1, wait: 0 } }, { worker: "w-1" })]);
        return its.giveUp(tries);
      },
    }),
  });
  await intend("w-1");
  await clock.advance(17_000);
  expect(await intend("w-2")).toEqual({ is: "leased", untilMs: clock.nowMs() + 17_000 });
  await clock.advance(17_000);
  expect(await intend("w-3")).toEqual({ is: "send" });
  expect(await intents.settle([settledAs("sent", { worker: "w-3" })])).toEqual([true]);
});
