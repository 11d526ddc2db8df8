/** Settings from a file, as an operator writes them, the older service's keys among them. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DeliveryStatus, NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink, type Sink } from "../world/sink.ts";
import { startWorld } from "../world/world.ts";

let sink: Sink;
let folder: string;
beforeAll(async () => {
  sink = await openSink();
  folder = mkdtempSync(join(tmpdir(), "carillon-settings-"));
});
afterAll(async () => {
  await sink.close();
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const mail = { recipients: [{ email: "ann@example.test" }], content: { title: "From the older service" } };

it("the older service's file works as it is, and the environment outranks it", async () => {
  const older = `kafka:
  brokers: [localhost:9092]
consumer-group-id: email-notification-group
max-retry-count: 3
email-producer-enabled: true
email-consumer-enabled: true
email:
  smtp-host: 127.0.0.1
  smtp-port: ${sink.port}
from-email: Older <older@example.test>
http-port: 1
`;
  const world = await startWorld({ env: { CARILLON_CONFIG: file("older.yaml", older) } });
  expect(world.output()).toContain("kafka.brokers is for the mesh form");
  await clientsOf(world.url).ingest.send(mail);
  await expect.poll(() => sink.mails.length).toBe(1);
  expect(sink.mails[0]).toContain("From: Older <older@example.test>");
  await world.stop();
});

it("a channel that is switched off is not used, and Explain says so", async () => {
  const world = await startWorld({ env: { CARILLON_CONFIG: file("off.yaml", "email-producer-enabled: false\n") } });
  const { ingest, tracker } = clientsOf(world.url);
  const { notificationId } = await ingest.send(mail);
  await expect.poll(async () => (await tracker.getNotification({ notificationId })).notification?.status).toBe(NotificationStatus.SKIPPED);
  const { steps } = await tracker.explain({ notificationId });
  expect(steps.flatMap(({ sentences }) => sentences)).toContain("This channel is switched off in this installation.");
  await world.stop();
});

it("mails wait for a process that sends them", async () => {
  const dataDir = mkdtempSync(join(folder, "waiting-"));
  const smtp = { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port) };
  const before = sink.mails.length;
  const idle = await startWorld({ dataDir, env: { ...smtp, CARILLON_EMAIL_CONSUMER_ENABLED: "false" } });
  const { ingest, tracker } = clientsOf(idle.url);
  const { notificationId } = await ingest.send(mail);
  await expect
    .poll(async () => (await tracker.getNotification({ notificationId })).notification?.deliveries[0]?.status)
    .toBe(DeliveryStatus.QUEUED);
  await idle.stop();
  expect(sink.mails.length).toBe(before);
  const sending = await startWorld({ dataDir, env: smtp });
  await expect.poll(() => sink.mails.length).toBe(before + 1);
  await sending.stop();
});

it("check-config says what is wrong in which line, and starts nothing", () => {
  const bootstrap = fileURLToPath(new URL("../../deploy/bootstrap.mjs", import.meta.url));
  const check = (path: string) => spawnSync(process.execPath, [bootstrap, "services/check-config.ts", path], { encoding: "utf8" });
  const right = file("right.yaml", "# ours\nemail:\n  smtp-host: mail.example.com\nmax-retry-count: 5\n");
  expect(check(right)).toMatchObject({ status: 0, stdout: `${right} is right: 2 settings.\n` });
  const wrong = file("wrong.yaml", "email:\n  smtp-hosst: mail.example.com\nmax-retry-count: many\n");
  const told = check(wrong);
  expect(told.status).toBe(1);
  expect(told.stderr).toContain(`${wrong} line 2: email.smtp-hosst is not a setting; did you mean email.smtp-host?`);
  expect(told.stderr).toContain(`max-retry-count (${wrong} line 3) is "many" but must be a whole number from 0 to 10`);
  expect(check(join(folder, "none.yaml"))).toMatchObject({ status: 1, stderr: `${join(folder, "none.yaml")} cannot be read (ENOENT).\n` });
});
