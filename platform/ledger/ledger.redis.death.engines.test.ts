import { expect, it } from "vitest";
import { hasServer, openRedis, ownServer } from "#platform/redis/redis.fixture.ts";
import { redisLedger } from "./ledger.redis.ts";

/** Real servers take their time, more of it on a busy machine. */
const soon = { timeout: 10_000 };

const asked = { environment: "development", notificationId: "n-1", deliveryId: "d-1", cycle: 1, target: "t", worker: "w-1" };
const attempt = { ...asked, reaches: ["ann"], acceptedAtMs: 1_000, attempt: 0, wait: 0, leaseMs: 60_000 };
const draft = { ...asked, recipient: "ann", decision: new Uint8Array([1]) };

// Without a redis-server on the PATH there is none to kill.
it.skipIf(!hasServer)(
  "a ledger whose server is killed goes on with what it knew, once cancels are loaded back; nothing is done twice",
  async () => {
    const server = await ownServer();
    const connection = await openRedis({ url: server.url, name: "ledger" });
    const lost: string[] = [];
    const ledger = await redisLedger({
      connection,
      async restore(what, { cancel }) {
        lost.push(what);
        await cancel({ ...asked, notificationId: "n-canceled", untilMs: Date.now() + 60_000 });
      },
    });
    await ledger.decideOnce([draft]);
    await ledger.intend([attempt, { ...attempt, deliveryId: "d-2" }]);
    await ledger.settle([{ ...asked, state: "sent", atMs: 5 }]);
    const underWay = Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => ledger.intend([{ ...attempt, deliveryId: `under way ${n}` }])),
    );
    await server.kill();
    const answers = await underWay;
    for (const each of answers) if (each.status === "rejected") expect(each.reason).toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await expect(ledger.intend([attempt])).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    server.start();
    await expect.poll(() => lost, soon).toEqual(["everything", "last moments"]);
    await expect.poll(() => ledger.health().ok, soon).toBe(true);
    expect(await ledger.decideOnce([{ ...draft, decision: new Uint8Array([2]) }])).toMatchObject([
      { first: false, decision: draft.decision },
    ]);
    const after = await ledger.intend([attempt, { ...attempt, deliveryId: "d-2" }, { ...attempt, notificationId: "n-canceled" }]);
    expect(after.map(({ is }) => is)).toEqual(["settled", "leased", "canceled"]);
    // Whoever was told to send holds a lease that lived through it.
    const again = await ledger.intend(answers.map((_, n) => ({ ...attempt, deliveryId: `under way ${n}`, worker: "w-2" })));
    for (const [n, { status }] of answers.entries()) if (status === "fulfilled") expect(again[n]?.is).toBe("leased");
  },
);

it.skipIf(!hasServer)(
  "a ledger whose server is full, or takes no writes, answers nothing rather than a guess, and goes on afterwards",
  async () => {
    const server = await ownServer();
    const connection = await openRedis({ url: server.url, name: "ledger" });
    const ledger = await redisLedger({ connection, restore: async () => {} });
    const other = { ...attempt, notificationId: "n-2" };
    await ledger.intend([other]);
    for (const [broken, healed] of [
      [{ maxmemory: "1" }, { maxmemory: "0" }],
      [{ "min-replicas-to-write": "1" }, { "min-replicas-to-write": "0" }],
    ] as const) {
      const set = async (setting: Readonly<Record<string, string>>) => {
        for (const [name, value] of Object.entries(setting)) await connection.redis.config("SET", name, value);
      };
      await set(broken);
      const calls = [
        () => ledger.decideOnce([draft]),
        () => ledger.intend([attempt]),
        () => ledger.extend([{ ...other, leaseMs: 60_000 }]),
        () => ledger.settle([{ ...other, state: "sent", atMs: 5 }]),
        () => ledger.cancel({ ...asked, untilMs: Date.now() + 60_000 }),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
      await set(healed);
    }
    expect(await ledger.decideOnce([draft])).toMatchObject([{ first: true, decision: draft.decision }]);
    expect(await ledger.intend([attempt, other])).toMatchObject([{ is: "send" }, { is: "leased" }]);
  },
);
