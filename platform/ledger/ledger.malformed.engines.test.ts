import { describe, expect, it } from "vitest";
import { openRedis, openWire, ownPrefix } from "#platform/redis/redis.fixture.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { about, attemptOf, draft, extensionOf, settledAs, text } from "./ledger.fixture.ts";
import { redisLedger } from "./ledger.redis.ts";

const malformed = { is: "malformed", detail: expect.stringContaining("ledger") };
const HASH = "ledger:{development/n-1}";
const FIELD = "send d-1 1 ann@example.test";

async function opened() {
  const connection = await openRedis();
  const prefix = ownPrefix(connection);
  const clock = fakeClock();
  const ledger = await redisLedger({ connection, prefix, clock, restore: async () => {} });
  const { redis } = connection;
  return { ledger, redis, clock, prefix, keep: (value: string) => redis.hset(prefix + HASH, FIELD, value) };
}

/** Before and behind the one that cannot be read. */
const three = (worker = "w-1") => ["d-0", "d-1", "d-2"].map((deliveryId) => attemptOf({ deliveryId, worker }));

describe("a value of the ledger that cannot be read", () => {
  it.each([
    ["empty", ""],
    ["cut in the state", "lea"],
    ["a lease cut before its progress", "leased"],
    ["a lease cut in its progress", "leased 0"],
    ["a lease cut before its end", "leased 0 0 "],
    ["a lease cut before its holder", "leased 0 0 17000000"],
    ["an end cut before its time", "sent 0 0"],
    ["an end cut in its time", "sent 0 0 17"],
    ["an end cut before the last digit of its time", "sent 0 0 170000000000"],
    ["a release cut in its time", "released 1 0 17"],
    ["an end with a time that is no number", "sent 0 0 soon"],
    ["a state of a newer version", "parked 0 0 1700000000000"],
    ["a state with more to it, of a newer version", "sent 0 0 1700000000000 provider-2"],
    ["another format, of a newer version", '{"state":"sent","attempt":0}'],
    ["bytes", "\u0000\u0001\u0002"],
  ])("(%s) concerns its own send: the others of the round go on, and it stays as it is", async (_what, value) => {
    const { ledger, redis, prefix, keep } = await opened();
    await keep(value);
    expect(await ledger.intend(three())).toEqual([{ is: "send" }, malformed, { is: "send" }]);
    const leases = three().map(({ deliveryId }) => extensionOf({ deliveryId }));
    expect(await ledger.extend(leases)).toEqual(["held", "lost", "held"]);
    expect(await ledger.settle(three().map(({ deliveryId }) => settledAs("sent", { deliveryId })))).toEqual([true, false, true]);
    expect(await redis.hget(prefix + HASH, FIELD)).toBe(value);
    expect(await ledger.intend([attemptOf({ cycle: 2 })])).toEqual([{ is: "send" }]);
  });

  it("in a key of another type concerns its own notification", async () => {
    const { ledger, redis, prefix } = await opened();
    await redis.set(prefix + HASH, "no hash");
    const tries = [attemptOf({ notificationId: "n-0" }), attemptOf(), attemptOf({ notificationId: "n-2" })];
    expect(await ledger.intend(tries)).toEqual([{ is: "send" }, malformed, { is: "send" }]);
    expect(await ledger.extend(tries.map(({ notificationId }) => extensionOf({ notificationId })))).toEqual(["held", "lost", "held"]);
    expect(await ledger.settle(tries.map(({ notificationId }) => settledAs("sent", { notificationId })))).toEqual([true, false, true]);
    const decided = await ledger.decideOnce(["n-0", "n-1", "n-2"].map((notificationId) => draft(notificationId, { notificationId })));
    const { environment, notificationId } = about;
    expect(text(await ledger.undecide({ ...draft(""), deliveryIds: [] }))).toBe("");
    expect(await ledger.statesOf({ environment, notificationId, deliveryIds: ["d-1"] })).toEqual([["malformed"]]);
    expect(await ledger.cancel({ environment, notificationId, untilMs: 5 })).toEqual([]);
    expect(decided.map(({ decision, first }) => [text(decision), first])).toEqual([
      ["n-0", true],
      ["", false],
      ["n-2", true],
    ]);
  });

  it("of a decision that is empty is told as such, and can be undecided", async () => {
    const { ledger, redis, prefix } = await opened();
    await redis.hset(prefix + HASH, "decision ann", "");
    expect(await ledger.decideOnce([draft("anew")])).toMatchObject([{ decision: new Uint8Array(), first: false }]);
    expect(text(await ledger.undecide({ ...draft("else"), deliveryIds: [] }))).toBe("");
    expect(await ledger.undecide({ ...draft(""), deliveryIds: [] })).toBeUndefined();
    expect(await ledger.decideOnce([draft("anew")])).toMatchObject([{ first: true }]);
  });

  it("counts as malformed where a cancel asks how sends stand", async () => {
    const { ledger, keep } = await opened();
    await ledger.intend([attemptOf({ deliveryId: "d-2" })]);
    await keep("sen");
    const { environment, notificationId } = about;
    expect(await ledger.statesOf({ environment, notificationId, deliveryIds: ["d-1", "d-2", "d-3"] })).toEqual([
      ["malformed"],
      ["leased"],
      [],
    ]);
  });

  it("of a suppression or an erasure bars whom it is about: nobody is sent to on a guess", async () => {
    const { ledger, redis, prefix } = await opened();
    await redis.set(`${prefix}ledger:suppressed:{development/bo}`, "maybe");
    await redis.set(`${prefix}ledger:erased:{development/cy}`, "lately");
    const reaches = [["bo"], ["cy"], ["di"]];
    const tries = reaches.map((whoms, at) => attemptOf({ deliveryId: `d-${at}`, reaches: whoms }));
    expect((await ledger.intend(tries)).map(({ is }) => is)).toEqual(["suppressed", "erased", "send"]);
    await ledger.erase({ environment: "development", whom: "cy", atMs: 5, untilMs: Number.MAX_SAFE_INTEGER / 4 });
    expect(await ledger.erasedAt("development", ["cy"])).toEqual([5]);
  });
});

describe("a reply of the ledger's server that is not what was asked for", () => {
  it("is nobody's answer: nothing is sent, and nothing is given up", async () => {
    const wire = await openWire();
    const connection = await openRedis({ url: wire.url });
    const ledger = await redisLedger({ connection, prefix: ownPrefix(connection), restore: async () => {} });
    const real = connection.redis.pipeline.bind(connection.redis);
    for (const reply of ["OK", [], ["send"], 7, null]) {
      connection.redis.pipeline = (() => {
        const pipeline = real();
        const exec = pipeline.exec.bind(pipeline);
        pipeline.exec = async () => (await exec())?.map((each, at) => (at === 1 ? [null, reply] : each)) ?? null;
        return pipeline;
      }) as typeof real;
      await expect(ledger.intend(three())).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    }
    connection.redis.pipeline = real;
    expect((await ledger.intend(three("w-2"))).map(({ is }) => is)).toEqual(["leased", "leased", "leased"]);
  });
});
