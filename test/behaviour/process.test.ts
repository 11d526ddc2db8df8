/** The process: how it starts, refuses to start, answers probes, and ends. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink } from "../world/sink.ts";
import { startWorld } from "../world/world.ts";

it.each([
  ["an unknown setting", { CARILLON_HTP_PORT: "1" }, "CARILLON_HTTP_PORT"],
  ["a bad value", { CARILLON_MAX_RETRY_COUNT: "many" }, "CARILLON_MAX_RETRY_COUNT"],
  ["another address in development", { CARILLON_HOST: "0.0.0.0" }, "127.0.0.1"],
])("%s stops the start with a sentence", async (_what, env, sentence) => {
  await expect(startWorld({ env })).rejects.toThrow(sentence);
});

/** What it printed instead of getting ready. */
const refusal = (options: Parameters<typeof startWorld>[0]) =>
  startWorld(options).then(
    () => expect.fail("it started"),
    (error: Error) => error.message.split("before it was ready:\n")[1],
  );

it("a second process on the same data directory says so in one line and stops", async () => {
  const world = await startWorld();
  expect(await refusal({ dataDir: world.dataDir })).toMatch(/^The database \S+ is in use by another process\. Stop that one, .*\.\n$/);
  await world.stop();
});

it.each(["/etc/passwd", "/etc/passwd/data", "/proc/nope", "/proc"])("a data directory %s is refused in one line", async (dataDir) => {
  expect(await refusal({ env: { CARILLON_DATA_DIR: dataDir } })).toMatch(/^[^\n]*(cannot be used|could not be locked): [^\n]*\.\n$/);
});

// The bound on file sizes that stands in for a full disk is Linux's.
it.runIf(process.platform === "linux")("says that it is not ready as soon as a full disk has refused a send", async () => {
  const world = await startWorld();
  const { ingest } = clientsOf(world.url);
  const bound = (bytes: number | "unlimited") => execFileSync("prlimit", ["--pid", String(world.pid), `--fsize=${bytes}:unlimited`]);
  const send = (idempotencyKey: string) =>
    ingest.send({ recipients: [{ email: "p@example.test" }], content: { title: "Disk", body: "x" }, idempotencyKey });
  const ready = async () => {
    const response = await fetch(`${world.url}/readyz`);
    return { status: response.status, ...((await response.json()) as object) };
  };
  expect(await ready()).toEqual({ status: 200, ok: true, why: [] });
  bound(4_096);
  await expect(send("one")).rejects.toMatchObject({ code: Code.Unavailable });
  expect(await ready()).toMatchObject({
    status: 503,
    why: [expect.stringMatching(/^the database took no write \d s ago: SQLITE_(FULL|IOERR)$/)],
  });
  bound("unlimited");
  await send("one");
  await world.stop();
});

it("answers its probes and its metrics, then drains on SIGTERM and exits 0 with nothing lost", { timeout: 60_000 }, async () => {
  const sink = await openSink();
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-drain-"));
  const env = { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port) };
  const world = await startWorld({ dataDir, env });
  for (const path of ["/healthz", "/readyz", "/metrics"]) expect((await fetch(world.url + path)).status).toBe(200);
  const { results } = await clientsOf(world.url).ingest.sendBatch({
    notifications: Array.from({ length: 500 }, (_, index) => ({
      recipients: [{ email: `p${index}@example.test` }],
      content: { title: `Drain ${index}`, body: "x" },
    })),
  });
  expect(await world.end("SIGTERM"), world.output().slice(-2000)).toBe(0);
  const again = await startWorld({ dataDir, env });
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
  await sink.close();
  rmSync(dataDir, { recursive: true, force: true });
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
