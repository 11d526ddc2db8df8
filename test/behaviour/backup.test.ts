/** Backups of a running service, what starts on them, and databases that are not this program's. */
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../world/clients.ts";
import { startWorld, type World } from "../world/world.ts";

const root = new URL("../..", import.meta.url).pathname;
const production = { CARILLON_MODE: "production" };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "carillon-backups-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (script: string, dataDir: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, ["--no-warnings", join(root, "services", script), ...args], {
    cwd: folder,
    env: { ...process.env, CARILLON_DATA_DIR: dataDir },
  });
const backedUp = async (dataDir: string, name: string) => {
  const file = join(folder, name);
  const { stdout } = await run("backup.ts", dataDir, file);
  expect(stdout.replace(/: \d+ bytes\.\n$/, "")).toBe(`Backed up ${join(dataDir, "carillon.sqlite")} to ${file}`);
  return file;
};
/** A data directory that holds nothing but the copy. */
function restored(file: string): string {
  const dataDir = mkdtempSync(join(folder, "restored-"));
  copyFileSync(file, join(dataDir, "carillon.sqlite"));
  return dataDir;
}
const mailTo = (email: string) => ({ recipients: [{ email }], content: { title: "Backup", body: "x" } });

/** Sends until it is told to stop; what was acknowledged so far is in `ids`. */
function load({ url, credential }: World) {
  const { ingest } = clientsOf(url, { credential });
  const ids: string[] = [];
  let going = true;
  const sending = Promise.all(
    Array.from({ length: 8 }, async (_, lane) => {
      for (let number = 0; going; number++) ids.push((await ingest.send(mailTo(`p${lane}-${number}@example.test`))).notificationId);
    }),
  );
  return {
    ids,
    async stop() {
      going = false;
      await sending;
    },
  };
}

it("a backup made under load has everything that was acknowledged before it began, and a service starts on it", async () => {
  const world = await startWorld({ env: production });
  const sending = load(world);
  await expect.poll(() => sending.ids.length).toBeGreaterThan(300);
  const before = [...sending.ids];
  const file = await backedUp(world.dataDir, "under-load.sqlite");
  await sending.stop();
  expect(sending.ids.length).toBeGreaterThan(before.length);
  await world.stop();

  const copy = await startWorld({ env: production, dataDir: restored(file) });
  expect(copy.credential).toBe("");
  const { tracker } = clientsOf(copy.url, { credential: world.credential });
  for (const notificationId of before) {
    const status = async () => (await tracker.getNotification({ notificationId })).notification?.status;
    // No SMTP server is configured, so all of them wait.
    await expect.poll(status).toBe(NotificationStatus.PROCESSING);
  }
  await copy.stop();
});

it("an existing file is not overwritten, and a missing database is told", async () => {
  const world = await startWorld({ env: production });
  const file = await backedUp(world.dataDir, "once.sqlite");
  await expect(run("backup.ts", world.dataDir, file)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("never overwrites"),
  });
  await expect(run("backup.ts", world.dataDir)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("Which file?") });
  await expect(run("backup.ts", folder, join(folder, "none.sqlite"))).rejects.toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining("There is no database") },
  });
  await world.stop();
});

it("whoever lost every admin key makes another one while the service is stopped, and only then", async () => {
  const world = await startWorld({ env: production });
  const { access } = clientsOf(world.url, { credential: world.credential });
  await access.revokeKey({ prefix: world.credential.split(".")[0] as string });
  await expect(run("admin-key.ts", world.dataDir)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("in use by another process"),
  });
  await world.end("SIGTERM");
  const credential = /: (ck_live_\S+)\n$/.exec((await run("admin-key.ts", world.dataDir)).stdout)?.[1] as string;
  const again = await startWorld({ env: production, dataDir: world.dataDir });
  const { environments } = await clientsOf(again.url, { credential }).access.listEnvironments({});
  expect(environments.map(({ name }) => name)).toEqual(["production"]);
  await again.stop();
  await world.stop();
});

it("a database of a newer version is refused with a sentence, and left as it is", async () => {
  const world = await startWorld({ env: production });
  await world.end("SIGTERM");
  const versions = (change?: string) => {
    const database = new DatabaseSync(join(world.dataDir, "carillon.sqlite"));
    if (change !== undefined) database.exec(change);
    const rows = database.prepare("SELECT file, version FROM schema_versions ORDER BY file").all();
    database.close();
    return rows;
  };
  const newer = versions("UPDATE schema_versions SET version = 99 WHERE file = 'access/store.sql'");
  await expect(startWorld({ env: production, dataDir: world.dataDir })).rejects.toThrow(
    /^the service ended with 1 [\s\S]*was written by a newer version of this program \(access\/store\.sql is at 99, this one knows \d+\)/,
  );
  expect(versions()).toEqual(newer);
  await world.stop();
});

it("a database from before there were keys gets what is missing, and keeps what it has", async () => {
  const world = await startWorld();
  const { notificationId } = await clientsOf(world.url).ingest.send(mailTo("old@example.test"));
  await world.end("SIGTERM");
  const database = new DatabaseSync(join(world.dataDir, "carillon.sqlite"));
  database.exec("DROP TABLE access_keys; DROP TABLE access_environments; DELETE FROM schema_versions WHERE file = 'access/store.sql'");
  database.close();
  const again = await startWorld({ dataDir: world.dataDir });
  const { tracker, access } = clientsOf(again.url);
  const status = async () => (await tracker.getNotification({ notificationId })).notification?.status;
  await expect.poll(status).toBe(NotificationStatus.SENT);
  expect((await access.getEnvironment({})).environment?.name).toBe("development");
  await again.stop();
  await world.stop();
});
