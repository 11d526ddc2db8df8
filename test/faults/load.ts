/**
 * A known load on one process while something breaks it again and again; then what is counted from the outside: what was acknowledged,
 * what reached the SMTP server, what the tracker says.
 *
 * Small in `npm test`, full in `npm run test:faults`, which also writes the counts into docs/reliability.md.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { full } from "../full.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";
import { publish } from "./reliability.ts";
import { type Acknowledged, type Arrived, arrivedAt, numbersFrom, sendBatch, whenTerminal } from "./sends.ts";

const SENDS = full ? 10_000 : 1_500;
const TIMES = 3;
const BATCH = 25;
const PEOPLE = 500;
/** Sends that one process has leases for at most (twice `email.concurrency`): what a death may leave unresolved. */
export const UNDER_WAY = 40;

export interface Fault {
  /** As docs/reliability.md shows it. */
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How many repeats each one allows. */
  readonly allowed: number;
  /** Breaks the process while it is under load, and ends it where it has not. */
  strike(world: World): Promise<void>;
  /** Puts right what stayed broken after the last time. */
  heal?(): void;
  /** Is told at once when something has been acknowledged, or a mail was taken. */
  witnessed?(dataDir: string): void;
}

export interface Counted extends Arrived {
  readonly allowed: number;
}

export async function countUnder(fault: Fault): Promise<Counted> {
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-fault-"));
  const sink = await openSink(0, () => fault.witnessed?.(dataDir));
  const email = { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_RATE: "none", CARILLON_EMAIL_SMTP_PORT: String(sink.port) };
  const begin = () => startWorld({ dataDir, env: { ...email, CARILLON_LOG_LEVEL: "warn", ...fault.env } });
  const acknowledged: Acknowledged = new Map();
  const sending = (world: World, from: number, until: () => boolean) =>
    sendFrom(world, { from, acknowledged, until, told: () => fault.witnessed?.(dataDir) });
  let world = await begin();
  try {
    for (let time = 1; time <= TIMES; time++) {
      let struck = false;
      const done = sending(world, Math.max(0, acknowledged.size - BATCH), () => struck).catch(() => {});
      const [share, arrived] = [Math.floor((SENDS * time) / (TIMES + 1)), sink.byDelivery.size];
      await expect.poll(() => acknowledged.size >= share && sink.byDelivery.size > arrived, { timeout: 120_000, interval: 5 }).toBe(true);
      await fault.strike(world);
      struck = true;
      await done;
      if (world.hasEnded()) world = await begin();
    }
    fault.heal?.();
    const survived = acknowledged.size;
    const healedMs = performance.now();
    await sending(world, 0, () => false);
    expect(acknowledged.size).toBe(SENDS);
    const deliveries = await whenTerminal(world.url, acknowledged);
    const quietMs = performance.now() - healedMs;
    const counted = { ...arrivedAt(sink, deliveries.values()), allowed: TIMES * fault.allowed };
    publish({
      ...{ fault: `${fault.name}, ${TIMES} times under load`, acknowledged: SENDS, acknowledgedBeforeLastFault: survived },
      ...{ ...counted, why: "sends that were unresolved at the deaths of their worker", quietMs },
    });
    return counted;
  } finally {
    await world.stop();
    await sink.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

interface Sending {
  readonly from: number;
  readonly acknowledged: Acknowledged;
  readonly until: () => boolean;
  readonly told: () => void;
}

/** Sends batches until all are sent, or it is to stop; rejects when one is not answered, and that one is to be repeated. */
async function sendFrom(world: World, { from, acknowledged, until, told }: Sending): Promise<void> {
  const { ingest } = clientsOf(world.url);
  for (let first = from; first < SENDS && !until(); first += BATCH) {
    await sendBatch(ingest, { numbers: numbersFrom(first, Math.min(BATCH, SENDS - first)), people: PEOPLE }, acknowledged);
    told();
  }
}
