/**
 * A process that sends what it is given leases for, until all is settled; started several times on one ledger. It says when it is ready, and
 * begins when it is told, so that none has sent everything before another is there.
 */
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { Registry } from "prom-client";
import { systemClock } from "#platform/clock.ts";
import { connectRedis } from "#platform/redis/connect.ts";
import { redisLedger } from "./ledger.redis.ts";

/** One message a batch. */
export interface Told {
  readonly sent: number;
  /** Of those how many had been leased by somebody who did not settle them. */
  readonly unresolved: number;
}

export const SENDS = 600;
export const AT_ONCE = 20;
const LEASE_MS = 1_500;

if (process.argv[1] === fileURLToPath(import.meta.url)) await compete(...(process.argv.slice(2) as [string, string, string]));

async function compete(url: string, prefix: string, worker: string): Promise<void> {
  const needs = { logger: pino({ level: "silent" }), metrics: new Registry(), clock: systemClock };
  const connection = await connectRedis({ url, name: "competitor" }, needs);
  const ledger = await redisLedger({ connection, prefix, restore: async () => {} });
  process.send?.("ready");
  await once(process, "message");
  let open = Array.from({ length: SENDS }, (_, place) => place);
  while (open.length > 0) {
    const left: number[] = [];
    for (let from = 0; from < open.length; from += AT_ONCE) left.push(...(await batch(open.slice(from, from + AT_ONCE))));
    open = left;
    if (open.length > 0) await pause(20);
  }
  process.disconnect();
  await connection.close();

  /** Answers what is not settled yet. */
  async function batch(places: readonly number[]): Promise<number[]> {
    const sends = places.map((place) => ({
      ...{
        environment: "development",
        notificationId: `n-${Math.floor(place / 3)}`,
        deliveryId: `d-${place}`,
        cycle: 1,
        target: "t",
        worker,
      },
    }));
    const intents = await ledger.intend(
      sends.map((send) => ({ ...send, reaches: [], acceptedAtMs: 1_000, attempt: 0, wait: 0, leaseMs: LEASE_MS })),
    );
    const mine = sends.filter((_, place) => intents[place]?.is === "send" || intents[place]?.is === "unknown");
    for (const { deliveryId } of mine) await connection.redis.hincrby(`${prefix}sent`, deliveryId, 1);
    await ledger.settle(mine.map((send) => ({ ...send, state: "sent", atMs: 0 })));
    process.send?.({ sent: mine.length, unresolved: intents.filter(({ is }) => is === "unknown").length } satisfies Told);
    return places.filter((_, place) => intents[place]?.is === "leased");
  }
}
