/**
 * kill -9 while sends are being acknowledged: what was acknowledged is there after the restart, becomes terminal, and reaches the SMTP
 * server; what arrives twice stays within the promise (a send that was unresolved when its worker died).
 *
 * Small in `npm test`, full in `npm run test:faults`, which also writes the counts into docs/reliability.md.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld, type World } from "../world/world.ts";
import { publish } from "./reliability.ts";

const full = process.env.TEST_FULL === "1";
const SENDS = full ? 10_000 : 1_500;
const KILLS = 3;
const BATCH = 25;
/** Sends that one process has leases for at most (twice `email.concurrency`): what a death may leave unresolved. */
const UNDER_WAY = 40;

let sink: Sink;
let dataDir: string;
beforeAll(async () => {
  sink = await openSink();
  dataDir = mkdtempSync(join(tmpdir(), "carillon-kill-"));
});
afterAll(async () => {
  await sink.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const begin = () =>
  startWorld({
    dataDir,
    env: { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port), CARILLON_LOG_LEVEL: "warn" },
  });

/** Sends keyed batches from `from` on until told to stop or all are acknowledged; a batch without an answer is repeated later. */
async function sendFrom(world: World, from: number, acknowledged: Map<number, string>, until: () => boolean): Promise<void> {
  const { ingest } = clientsOf(world.url);
  for (let first = from; first < SENDS && !until(); first += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, SENDS - first) }, (_, index) => first + index);
    const { results } = await ingest.sendBatch({
      notifications: numbers.map((number) => ({
        recipients: [{ userId: `person-${number % 500}`, email: `person-${number % 500}@example.test` }],
        channels: [1],
        content: { title: `Number ${number}`, body: "It happened." },
        idempotencyKey: `kill/${number}`,
      })),
    });
    for (const [index, { result }] of results.entries())
      if (result.case === "accepted") acknowledged.set(numbers[index] as number, result.value.notificationId);
  }
}

it(`${SENDS} sends under ${KILLS} kills: nothing acknowledged is lost, repeats stay within the promise`, { timeout: 600_000 }, async () => {
  const acknowledged = new Map<number, string>();
  for (let kill = 1; kill <= KILLS; kill++) {
    const world = await begin();
    const share = Math.floor((SENDS * kill) / (KILLS + 1));
    const sending = sendFrom(world, Math.max(0, acknowledged.size - BATCH), acknowledged, () => false).catch(() => {});
    const arrived = sink.byDelivery.size;
    await expect.poll(() => acknowledged.size >= share && sink.byDelivery.size > arrived, { timeout: 120_000, interval: 5 }).toBe(true);
    await world.end("SIGKILL");
    await sending;
  }
  const killed = acknowledged.size;
  const world = await begin();
  const healedMs = Date.now();
  await sendFrom(world, 0, acknowledged, () => false);
  expect(acknowledged.size).toBe(SENDS);

  const { tracker } = clientsOf(world.url);
  const open = new Set(acknowledged.values());
  const deliveries = new Set<string>();
  await expect
    .poll(
      async () => {
        for (const id of open) {
          const { notification } = await tracker.getNotification({ notificationId: id });
          if (notification?.status !== NotificationStatus.SENT) break;
          for (const each of notification.deliveries) if (each.attempts > 0) deliveries.add(each.deliveryId);
          open.delete(id);
        }
        return open.size;
      },
      { timeout: 300_000, interval: 250 },
    )
    .toBe(0);
  const quietMs = Date.now() - healedMs;
  await world.stop();

  const lost = [...deliveries].filter((id) => !sink.byDelivery.has(id)).length;
  const duplicated = [...sink.byDelivery.values()].reduce((sum, count) => sum + count - 1, 0);
  publish(full, {
    fault: `kill -9 of the embedded process, ${KILLS} times under load`,
    acknowledged: SENDS,
    acknowledgedBeforeLastKill: killed,
    lost,
    duplicated,
    allowed: KILLS * UNDER_WAY,
    quietMs,
  });
  expect(deliveries.size).toBe(SENDS);
  expect(lost).toBe(0);
  expect(duplicated).toBeLessThanOrEqual(KILLS * UNDER_WAY);
});
