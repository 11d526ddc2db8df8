import { fork } from "node:child_process";
import { pino } from "pino";
import { Registry } from "prom-client";
import { describe, expect, inject, it, onTestFinished, vi } from "vitest";
import type { RedisConnection } from "#platform/redis/connect.ts";
import { age, openRedis, openWire, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { AT_ONCE, SENDS, type Told } from "./competitor.fixture.ts";
import { about as asked, attemptOf, extensionOf, HOUR } from "./ledger.fixture.ts";
import { type RedisLedgerNeeds, redisLedger } from "./ledger.redis.ts";
import { ledgerSuite } from "./ledger.suite.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000 };

const restore = async () => {};

ledgerSuite("in Redis", async () => {
  const connection = await openRedis();
  const prefix = ownPrefix(connection);
  const clock = fakeClock();
  return {
    ledger: await redisLedger({ connection, prefix, restore, clock }),
    clock: {
      ...clock,
      async advance(ms) {
        await clock.advance(ms);
        // Keys end by the server's clock, none of them within the hour.
        if (ms >= HOUR) await age(connection, prefix, ms);
      },
    },
  };
});

async function opened(more: Partial<RedisLedgerNeeds> = {}) {
  const plain = await openRedis();
  const prefix = more.prefix ?? ownPrefix(plain);
  const connection = more.connection ?? plain;
  return { plain, prefix, connection, ledger: await redisLedger({ restore, ...more, connection, prefix }) };
}

describe("the ledger in Redis", () => {
  it("times leases by the server's clock", async () => {
    const { ledger, plain } = await opened();
    const timeMs = async () => {
      const [seconds, micros] = await plain.redis.time();
      return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    };
    const beforeMs = await timeMs();
    await ledger.intend([attemptOf()]);
    const afterMs = await timeMs();
    const [again] = await ledger.intend([attemptOf({ worker: "w-2" })]);
    const untilMs = again?.is === "leased" ? again.untilMs : 0;
    expect(untilMs).toBeGreaterThanOrEqual(beforeMs + 17_000);
    expect(untilMs).toBeLessThanOrEqual(afterMs + 17_000);
    await ledger.intend([attemptOf({ deliveryId: "d-2", leaseMs: 1 })]);
    await expect
      .poll(async () => (await ledger.intend([attemptOf({ deliveryId: "d-2", worker: "w-2", leaseMs: 60_000 })]))[0]?.is)
      .toBe("unknown");
  });

  it("asks for a batch in one round trip, however large", async () => {
    const { ledger, plain } = await opened();
    const tries = Array.from({ length: 1_001 }, (_, place) => attemptOf({ notificationId: `n-${place}` }));
    const write = vi.spyOn(plain.redis.stream, "write");
    expect((await ledger.intend(tries)).every(({ is }) => is === "send")).toBe(true);
    expect(write).toHaveBeenCalledTimes(1);
    expect(await ledger.intend([])).toEqual([]);
    expect((await ledger.intend(tries)).every(({ is }) => is === "leased")).toBe(true);
  });

  it("knows its scripts again after the server has forgotten them", async () => {
    const { ledger, plain } = await opened();
    await ledger.intend([attemptOf()]);
    await plain.redis.script("FLUSH");
    await ledger.settle([{ ...asked, worker: "w-1", state: "sent", atMs: 5 }]);
    await plain.redis.script("FLUSH");
    expect(await ledger.intend([attemptOf()])).toEqual([{ is: "settled", state: "sent", by: { attempt: 0, wait: 0 }, atMs: 5 }]);
  });

  it("keeps every key of a notification in one slot of a cluster", async () => {
    const { ledger, plain, prefix } = await opened();
    await ledger.intend([attemptOf()]);
    await ledger.cancel({ ...asked, untilMs: Date.now() + HOUR });
    const keys = (await plain.redis.keys(`${prefix}*`)).filter((key) => !key.endsWith("sentinel"));
    expect(keys).toHaveLength(2);
    const slots = await Promise.all(keys.map((key) => plain.redis.call("CLUSTER", "KEYSLOT", key).catch(() => /\{(.*)\}/.exec(key)?.[1])));
    expect(new Set(slots).size).toBe(1);
  });

  it("lets a held lease live longer, for its holder alone, and never shorter", async () => {
    const clock = fakeClock();
    const { ledger } = await opened({ clock });
    const lease = extensionOf({ ...asked, leaseMs: 30_000 });
    expect(await ledger.extend([lease])).toEqual(["lost"]);
    await ledger.intend([attemptOf()]);
    await clock.advance(10_000);
    expect(await ledger.extend([lease, { ...lease, worker: "w-2" }, { ...lease, leaseMs: 1 }])).toEqual(["held", "lost", "held"]);
    const untilMs = clock.nowMs() + 30_000;
    expect(await ledger.intend([attemptOf({ worker: "w-2" })])).toEqual([{ is: "leased", untilMs }]);
    await ledger.settle([{ ...asked, worker: "w-1", state: "sent", atMs: 5 }]);
    expect(await ledger.extend([lease])).toEqual(["lost"]);
  });

  it("answers no more while the server is away, and goes on with what it knew", async () => {
    const wire = await openWire();
    const { ledger } = await opened({ connection: await openRedis({ url: wire.url }) });
    await ledger.intend([attemptOf()]);
    await wire.refuse();
    for (const ask of [
      () => ledger.intend([attemptOf()]),
      () => ledger.settle([{ ...asked, worker: "w-1", state: "sent", atMs: 5 }]),
      () => ledger.decideOnce([{ ...asked, recipient: "ann", decision: new Uint8Array([1]) }]),
      () => ledger.cancel({ ...asked, untilMs: Date.now() }),
      () => ledger.statesOf({ ...asked, deliveryIds: ["d-1"] }),
    ])
      await expect(ask()).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    expect(ledger.health().ok).toBe(false);
    await wire.accept();
    await expect.poll(() => ledger.health().ok, soon).toBe(true);
    expect((await ledger.intend([attemptOf()]))[0]?.is).toBe("leased");
  });

  it("refuses a server that evicts keys, and in development says so in one line", async () => {
    const lines: string[] = [];
    const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
    const connection = await openRedis({ url: inject("engines").redisCache, name: "ledger" }, { logger });
    const prefix = ownPrefix(connection);
    const says = /^Redis \(ledger\) may lose what it must keep: it evicts keys .* set maxmemory-policy to noeviction \(it is allkeys-lru\)/;
    await expect(redisLedger({ connection, prefix, restore })).rejects.toThrow(says);
    const ledger = await redisLedger({ connection, prefix, restore, mayForget: true });
    expect(lines.filter((line) => says.test(line))).toHaveLength(1);
    expect(await ledger.intend([attemptOf()])).toEqual([{ is: "send" }]);
  });

  it("names nobody in an error", async () => {
    const { ledger, plain, prefix } = await opened();
    await plain.redis.hset(`${prefix}ledger:suppressed:{development/ann@}`, "not", "a text");
    const error = await ledger.suppress({ environment: "development", whom: "ann@", suppressed: true, atMs: 5 }).catch((error) => error);
    expect(error.message).toContain("WRONGTYPE");
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain("ann@");
  });
});

describe("a suppression or an erasure that comes while tries are asked for, in Redis", () => {
  /** Another client of the server gets a word in, in the middle of the next round trip: right before the command. */
  function interject({ redis }: RedisConnection, before: string, ...said: readonly [command: string, ...args: string[]]): void {
    const make = redis.pipeline.bind(redis);
    vi.spyOn(redis, "pipeline").mockImplementationOnce(() => {
      const pipeline = make();
      const [call, exec] = [pipeline.callBuffer.bind(pipeline), pipeline.exec.bind(pipeline)];
      let [length, place] = [0, -1];
      pipeline.callBuffer = ((command: string, ...args: string[]) => {
        if (command === before && place < 0) {
          place = length++;
          call(...said);
        }
        length++;
        return call(command, ...args);
      }) as typeof pipeline.callBuffer;
      // Its answer is not the ledger's.
      pipeline.exec = (async () => (await exec())?.toSpliced(place, 1) ?? null) as typeof pipeline.exec;
      return pipeline;
    });
  }
  const asking = async (before: string, key: "suppressed" | "erased", value: string) => {
    const { ledger, plain, prefix } = await opened();
    // Then the scripts are known, and there is one round trip.
    await ledger.intend([attemptOf({ deliveryId: "d-0" })]);
    interject(plain, before, "SET", `${prefix}ledger:${key}:{development/ann}`, value);
    const [intent] = await ledger.intend([attemptOf()]);
    return { intent, again: (await ledger.intend([attemptOf({ worker: "w-2" })]))[0] };
  };

  it.each(["EVALSHA", "MGET"] as const)(
    "is heeded when it was there before the lease was given, and before it is read (%s)",
    async (before) => {
      const suppressed = await asking(before, "suppressed", "1 5");
      expect(suppressed.intent).toMatchObject({ is: "suppressed" });
      expect(suppressed.again).toMatchObject({ is: "settled", state: "suppressed" });
      const erased = await asking(before, "erased", "1000");
      expect(erased.intent).toMatchObject({ is: "erased" });
      expect(erased.again).toMatchObject({ is: "settled", state: "erased" });
    },
  );

  it("is heeded also when the server has forgotten its scripts and has to be asked twice", async () => {
    const { ledger, plain, prefix } = await opened();
    await ledger.intend([attemptOf({ deliveryId: "d-0" })]);
    await plain.redis.script("FLUSH");
    const load = plain.redis.script.bind(plain.redis);
    vi.spyOn(plain.redis, "script").mockImplementationOnce((async (...args: Parameters<typeof load>) => {
      await plain.redis.set(`${prefix}ledger:suppressed:{development/ann}`, "1 5");
      return load(...args);
    }) as typeof plain.redis.script);
    expect((await ledger.intend([attemptOf()]))[0]).toMatchObject({ is: "suppressed" });
  });
});

describe("a ledger that may have lost entries", () => {
  it("loads back what must be known before it answers, also when it is new", async () => {
    const lost: string[] = [];
    const { ledger, plain, prefix } = await opened({
      async restore(what, ledger) {
        lost.push(what);
        await ledger.cancel({ ...asked, untilMs: Date.now() + HOUR });
      },
    });
    expect(lost).toEqual(["everything"]);
    expect(await ledger.intend([attemptOf()])).toEqual([{ is: "canceled", atMs: expect.any(Number) }]);
    await redisLedger({ connection: plain, prefix, restore: () => Promise.reject(new Error("nothing is missing")) });
    expect(lost).toHaveLength(1);
  });

  it("is noticed while the connection holds; nothing is answered until it is whole again", async () => {
    const held = Promise.withResolvers<void>();
    const lost: string[] = [];
    const { ledger, plain, prefix } = await opened({
      restore: async (what) => {
        lost.push(what);
        if (lost.length > 1) await held.promise;
      },
    });
    await ledger.intend([attemptOf()]);
    await plain.redis.unlink(await plain.redis.keys(`${prefix}*`));
    await expect(ledger.intend([attemptOf()])).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await expect(ledger.intend([attemptOf()])).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    expect(ledger.health()).toEqual({ ok: false, why: [expect.stringContaining("loaded back")] });
    held.resolve();
    await expect.poll(() => ledger.health().ok, soon).toBe(true);
    expect(lost).toEqual(["everything", "everything"]);
    expect((await ledger.intend([attemptOf({ deliveryId: "d-2" })]))[0]).toEqual({ is: "send" });
  });

  it("is suspected after the server was started again or gave way to another", async () => {
    const wire = await openWire();
    const lost: string[] = [];
    const { ledger, plain, prefix } = await opened({
      connection: await openRedis({ url: wire.url }, { metrics: new Registry() }),
      restore: async (what) => void lost.push(what),
    });
    await wire.refuse();
    await expect.poll(() => ledger.health().ok, soon).toBe(false);
    await wire.accept();
    await expect.poll(() => ledger.health().ok, soon).toBe(true);
    expect(lost).toEqual(["everything"]);
    await plain.redis.set(`${prefix}ledger:sentinel`, "the run before");
    wire.cut();
    await expect.poll(() => lost, soon).toEqual(["everything", "last moments"]);
    await expect.poll(() => ledger.health().ok, soon).toBe(true);
  });

  it("is asked to be loaded back again when that fails", async () => {
    let tries = 0;
    await opened({ restore: () => (++tries === 1 ? Promise.reject(new Error("MySQL is away")) : Promise.resolve()) });
    expect(tries).toBe(2);
  });
});

describe("two processes on one ledger", () => {
  it("send each delivery once between them", async () => {
    const { plain, prefix } = await opened();
    const [one, other] = await bothCompeting(prefix);
    expect(await Promise.all([one.ended, other.ended])).toEqual([0, 0]);
    const sends = await sendsOf(plain, prefix);
    expect(sends).toHaveLength(SENDS);
    expect(new Set(sends)).toEqual(new Set(["1"]));
    expect(one.sent() + other.sent()).toBe(SENDS);
    expect(Math.min(one.sent(), other.sent())).toBeGreaterThan(0);
  });

  it("of which one is killed: the other ends its sends, and only what was unresolved is sent again", async () => {
    const { plain, prefix } = await opened();
    const [one, other] = await bothCompeting(prefix);
    await vi.waitFor(() => expect(one.sent()).toBeGreaterThan(0), soon);
    one.kill();
    expect(await other.ended).toBe(0);
    const sends = await sendsOf(plain, prefix);
    expect(sends).toHaveLength(SENDS);
    const again = sends.reduce((sum, times) => sum + Number(times) - 1, 0);
    expect(again).toBeLessThanOrEqual(AT_ONCE);
    expect(other.unresolved()).toBeGreaterThanOrEqual(again);
  });
});

async function bothCompeting(prefix: string) {
  const both = [competing({ prefix, worker: "w-1" }), competing({ prefix, worker: "w-2" })] as const;
  await Promise.all(both.map(({ ready }) => ready));
  for (const { begin } of both) begin();
  return both;
}

function competing({ prefix, worker }: { prefix: string; worker: string }) {
  const child = fork(new URL("./competitor.fixture.ts", import.meta.url), [inject("engines").redisLedger, prefix, worker]);
  let sent = 0;
  let unresolved = 0;
  const ready = Promise.withResolvers<void>();
  child.on("message", (told: Told | "ready") => {
    if (told === "ready") return ready.resolve();
    sent += told.sent;
    unresolved += told.unresolved;
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  onTestFinished(() => void child.kill("SIGKILL"));
  const begin = () => child.send("begin");
  return { ready: ready.promise, begin, ended, sent: () => sent, unresolved: () => unresolved, kill: () => child.kill("SIGKILL") };
}

/** How often each was sent. */
const sendsOf = async ({ redis }: RedisConnection, prefix: string) => Object.values(await redis.hgetall(`${prefix}sent`));
