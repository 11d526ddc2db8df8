/** The service as its operator has it: it answers probes, and ends without losing anything. */
import { expect, it } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink } from "../world/sink.ts";
import { startWorld } from "../world/world.ts";

it("answers its probes and its metrics, then drains on SIGTERM and exits 0 with nothing lost", { timeout: 60_000 }, async () => {
  const sink = await openSink();
  const env = { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port) };
  const world = await startWorld({ env });
  for (const path of ["/healthz", "/readyz", "/metrics"]) expect((await fetch(world.url + path)).status).toBe(200);
  const { results } = await clientsOf(world.url).ingest.sendBatch({
    notifications: Array.from({ length: 500 }, (_, index) => ({
      recipients: [{ email: `p${index}@example.test` }],
      content: { title: `Drain ${index}`, body: "x" },
    })),
  });
  expect(await world.end("SIGTERM"), world.output().slice(-2000)).toBe(0);
  const again = await startWorld({ dataDir: world.dataDir, env });
  const { tracker } = clientsOf(again.url);
  for (const { result } of results) {
    const notificationId = result.case === "accepted" ? result.value.notificationId : "";
    await expect
      .poll(async () => (await tracker.getNotification({ notificationId })).notification?.status, { timeout: 30_000 })
      .toBe(NotificationStatus.SENT);
  }
  expect(sink.byDelivery.size).toBe(500);
  expect([...sink.byDelivery.values()].every((count) => count === 1)).toBe(true);
  await again.stop();
  await world.stop();
  await sink.close();
});

it("an SMTP server that is down is waited for, and one refused recipient fails alone", { timeout: 60_000 }, async () => {
  const first = await openSink();
  const { port } = first;
  await first.close();
  const world = await startWorld({ env: { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(port) } });
  const { ingest, tracker } = clientsOf(world.url);
  const send = async (email: string) => (await ingest.send({ recipients: [{ email }], content: { title: "Down" } })).notificationId;
  const good = await send("good@example.test");
  await expect
    .poll(async () => (await tracker.listAttempts({ notificationId: good })).attempts.map((each) => each.reason), { timeout: 20_000 })
    .toContain("provider_unavailable");
  const sink = await openSink(port);
  sink.refuse = (address) => (address.startsWith("bad") ? { code: 550, text: "no such user" } : undefined);
  const bad = await send("bad@example.test");
  const status = async (notificationId: string) => (await tracker.getNotification({ notificationId })).notification?.status;
  await expect.poll(() => status(bad), { timeout: 30_000 }).toBe(NotificationStatus.FAILED);
  await expect.poll(() => status(good), { timeout: 30_000 }).toBe(NotificationStatus.SENT);
  await world.stop();
  await sink.close();
});
