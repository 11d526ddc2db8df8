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

const mountable = canMount();

/** A service on a disk of 48 MiB, and its administrator's clients. */
async function onSmallDisk(env: Record<string, string> = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-full-"));
  const world = await startWorld({ dataDir, env: { CARILLON_MODE: "production", ...env }, under: mounting("48m", dataDir) });
  const { ingest, tracker } = clientsOf(world.url, { credential: world.credential });
  const acknowledged: string[] = [];
  const filler = `/proc/${world.pid}/root${dataDir}/filler`;
  return {
    world,
    tracker,
    acknowledged,
    async send(title: string) {
      const content = { title, body: "x".repeat(60_000) };
      acknowledged.push((await ingest.send({ recipients: [{ email: "ann@example.test" }], content })).notificationId);
    },
    fill() {
      expect(() => writeFileSync(filler, Buffer.alloc(48 * 1024 * 1024))).toThrow("ENOSPC");
    },
    makeRoom: () => rmSync(filler),
    async end() {
      const code = await world.end("SIGTERM");
      rmSync(dataDir, { recursive: true, force: true });
      return code;
    },
  };
}

it.skipIf(!mountable)("Send says unavailable while the disk is full, nothing is lost, and it goes on once there is room", async () => {
  const sink = await openSink();
  const disk = await onSmallDisk({
    CARILLON_EMAIL_SMTP_HOST: "127.0.0.1",
    CARILLON_EMAIL_RATE: "none",
    CARILLON_EMAIL_SMTP_PORT: String(sink.port),
  });
  for (let number = 0; number < 20; number++) await disk.send(`Before ${number}`);
  disk.fill();
  const answers = new Map<Code | "taken", number>();
  for (let number = 0; number < 200 && (answers.get(Code.Unavailable) ?? 0) < 20; number++) {
    const code = await disk.send(`While ${number}`).then(
      () => "taken" as const,
      (error) => error.code as Code,
    );
    answers.set(code, (answers.get(code) ?? 0) + 1);
  }
  expect([...answers.keys()].filter((code) => code !== "taken")).toEqual([Code.Unavailable]);
  expect((await fetch(`${disk.world.url}/healthz`)).status).toBe(200);

  disk.makeRoom();
  const again = () =>
    disk.send("After").then(
      () => "taken",
      (error) => error.code,
    );
  await expect.poll(again, { timeout: 20_000 }).toBe("taken");
  for (const notificationId of disk.acknowledged) {
    const status = async () => (await disk.tracker.getNotification({ notificationId })).notification?.status;
    await expect.poll(status, { timeout: 30_000 }).toBe(NotificationStatus.SENT);
  }
  expect(sink.byDelivery.size).toBeGreaterThanOrEqual(disk.acknowledged.length);
  expect([...sink.byDelivery.values()].every((count) => count === 1)).toBe(true);
  await disk.end();
  await sink.close();
});

it.skipIf(!mountable)("a process whose disk is full still ends as it is told", async () => {
  const disk = await onSmallDisk();
  for (let number = 0; number < 20; number++) await disk.send(`Before ${number}`);
  disk.fill();
  expect(await disk.end(), disk.world.output().slice(-2_000)).toBe(0);
});
