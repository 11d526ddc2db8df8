/**
 * A worker ends while it waits for the answer to a mail that the server has: nobody else sends it while its lease lives, and then it is sent
 * again, once, which says that it may be a repeat.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Channel, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld } from "../world/world.ts";

let sink: Sink;
beforeAll(async () => {
  sink = await openSink();
});
afterAll(() => sink.close());

it.each(["SIGKILL", "SIGTERM"] as const)("%s while the answer takes long", { timeout: 180_000 }, async (signal) => {
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-slow-"));
  const env = {
    CARILLON_EMAIL_SMTP_HOST: "127.0.0.1",
    CARILLON_EMAIL_RATE: "none",
    CARILLON_EMAIL_SMTP_PORT: String(sink.port),
    CARILLON_LOG_LEVEL: "info",
  };
  const arrived = () => [...sink.byDelivery.values()].reduce((sum, count) => sum + count, 0);
  const before = arrived();
  try {
    const first = await startWorld({ dataDir, env });
    sink.ponder = () => new Promise(() => {});
    const { notificationId } = await clientsOf(first.url).ingest.send({
      recipients: [{ email: "ann@example.test" }],
      ...{ channels: [Channel.EMAIL], content: { title: "Hello", body: "It happened." } },
    });
    const overdue = async () => /^carillon_sends_overdue\{.*\} 1$/m.test(await (await fetch(`${first.url}/metrics`)).text());
    await expect.poll(overdue, { timeout: 30_000 }).toBe(true);
    expect(await first.end(signal)).toBe(signal === "SIGTERM" ? 0 : null);
    expect(arrived() - before).toBe(1);

    sink.ponder = () => undefined;
    const second = await startWorld({ dataDir, env });
    const { tracker } = clientsOf(second.url);
    const told = async () =>
      (await tracker.getNotification({ notificationId })).notification?.deliveries.find(({ channel }) => channel === Channel.EMAIL);
    await expect.poll(async () => (await told())?.reason).toBe("lease_held");
    expect(arrived() - before).toBe(1);
    await expect.poll(async () => (await told())?.reason, { timeout: 30_000 }).toBe("send_unresolved");
    expect((await tracker.getNotification({ notificationId })).notification?.status).toBe(NotificationStatus.SENT);
    expect(arrived() - before).toBe(2);
    await second.stop();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
