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
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";
import { publish } from "./reliability.ts";

const full = process.env.TEST_FULL === "1";
const SENDS = full ? 10_000 : 1_500;
const TIMES = 3;
const BATCH = 25;
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

export interface Counted {
  readonly deliveries: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly allowed: number;
}

export async function countUnder(fault: Fault): Promise<Counted> {
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-fault-"));
  const sink = await openSink(0, () => fault.witnessed?.(dataDir));
  const email = { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port) };
  const begin = () => startWorld({ dataDir, env: { ...email, CARILLON_LOG_LEVEL: "warn", ...fault.env } });
  const acknowledged = new Map<number, string>();
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
    const deliveries = await whenTerminal(world, acknowledged);
    const quietMs = performance.now() - healedMs;
    const lost = deliveries.filter((id) => !sink.byDelivery.has(id)).length;
    const duplicated = [...sink.byDelivery.values()].reduce((sum, count) => sum + count - 1, 0);
    const counted = { lost, duplicated, allowed: TIMES * fault.allowed };
    publish(full, {
      ...{ fault: `${fault.name}, ${TIMES} times under load`, acknowledged: SENDS, acknowledgedBeforeLastFault: survived },
      ...{ ...counted, quietMs },
    });
    return { ...counted, deliveries: deliveries.length };
  } finally {
    await world.stop();
    await sink.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

interface Sending {
  readonly from: number;
  readonly acknowledged: Map<number, string>;
  readonly until: () => boolean;
  readonly told: () => void;
}

/** Sends keyed batches until all are, or it is to stop; rejects when one is not answered, and that one is to be repeated. */
async function sendFrom(world: World, { from, acknowledged, until, told }: Sending): Promise<void> {
  const { ingest } = clientsOf(world.url);
  for (let first = from; first < SENDS && !until(); first += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, SENDS - first) }, (_, index) => first + index);
    const { results } = await ingest.sendBatch({
      notifications: numbers.map((number) => ({
        recipients: [{ userId: `person-${number % 500}`, email: `person-${number % 500}@example.test` }],
        channels: [1],
        content: { title: `Number ${number}`, body: "It happened." },
        idempotencyKey: `fault/${number}`,
      })),
    });
    told();
    for (const [index, { result }] of results.entries())
      if (result.case === "accepted") acknowledged.set(numbers[index] as number, result.value.notificationId);
  }
}

/** The deliveries that were tried, of all that was acknowledged, once every one is sent. */
async function whenTerminal(world: World, acknowledged: ReadonlyMap<number, string>): Promise<string[]> {
  const { tracker } = clientsOf(world.url);
  const open = new Set(acknowledged.values());
  const deliveries = new Set<string>();
  const look = async () => {
    for (const id of open) {
      const { notification } = await tracker.getNotification({ notificationId: id });
      if (notification?.status !== NotificationStatus.SENT) break;
      for (const each of notification.deliveries) if (each.attempts > 0) deliveries.add(each.deliveryId);
      open.delete(id);
    }
    return open.size;
  };
  await expect.poll(look, { timeout: 300_000, interval: 250 }).toBe(0);
  expect(deliveries.size).toBe(acknowledged.size);
  return [...deliveries];
}
