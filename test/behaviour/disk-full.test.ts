/** A disk that runs full, and has room again: on a file system of its own, in memory, which only the service's process sees. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { openSink } from "../world/sink.ts";
import { startWorld } from "../world/world.ts";

const unshare = ["unshare", "--user", "--map-root-user", "--mount"];
const mounting = (size: string, folder: string) => [
  ...unshare,
  "sh",
  "-c",
  `mount -t tmpfs -o size=${size} tmpfs ${folder} && exec "$@"`,
  "sh",
];

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "carillon-mount-"));
  try {
    const [command = "", ...args] = mounting("1m", folder);
    execFileSync(command, [...args, "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it.skipIf(!canMount())("Send says unavailable while the disk is full, nothing is lost, and it goes on once there is room", async () => {
  const sink = await openSink();
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-full-"));
  const env = { CARILLON_MODE: "production", CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port) };
  const world = await startWorld({ dataDir, env, under: mounting("48m", dataDir) });
  const { ingest, tracker } = clientsOf(world.url, { credential: world.credential });
  const acknowledged: string[] = [];
  const send = async (title: string) => {
    const { notificationId } = await ingest.send({
      recipients: [{ email: "ann@example.test" }],
      content: { title, body: "x".repeat(60_000) },
    });
    acknowledged.push(notificationId);
  };
  const filler = `/proc/${world.pid}/root${dataDir}/filler`;

  for (let number = 0; number < 20; number++) await send(`Before ${number}`);
  const full = () => writeFileSync(filler, Buffer.alloc(48 * 1024 * 1024));
  expect(full).toThrow("ENOSPC");
  const answers = new Map<Code | "taken", number>();
  for (let number = 0; number < 200 && (answers.get(Code.Unavailable) ?? 0) < 20; number++) {
    const code = await send(`While ${number}`).then(
      () => "taken" as const,
      (error) => error.code as Code,
    );
    answers.set(code, (answers.get(code) ?? 0) + 1);
  }
  expect([...answers.keys()].filter((code) => code !== "taken")).toEqual([Code.Unavailable]);
  expect((await fetch(`${world.url}/healthz`)).status).toBe(200);

  rmSync(filler);
  await expect
    .poll(
      () =>
        send("After").then(
          () => "taken",
          (error) => error.code,
        ),
      { timeout: 20_000 },
    )
    .toBe("taken");
  for (const notificationId of acknowledged) {
    const status = async () => (await tracker.getNotification({ notificationId })).notification?.status;
    await expect.poll(status, { timeout: 30_000 }).toBe(NotificationStatus.SENT);
  }
  expect(sink.byDelivery.size).toBeGreaterThanOrEqual(acknowledged.length);
  expect([...sink.byDelivery.values()].every((count) => count === 1)).toBe(true);
  await world.stop();
  await sink.close();
  rmSync(dataDir, { recursive: true, force: true });
});
