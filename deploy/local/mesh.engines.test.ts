/** `npm run mesh`, as a user starts it, on engines that its settings name. */
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, inject, onTestFinished, test } from "vitest";
import { randomWord } from "#platform/cassandra/cassandra.fixture.ts";
import type { EngineAddresses } from "../../test/engines/addresses.ts";
import { post } from "../../test/world/clients.ts";
import { forget, settingsUnder } from "../../test/world/names.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), "carillon-mesh-"));
const name = `mesh_${randomWord()}`;
const { kafka, mysql, redisCache, redisLedger, cassandra } = inject("engines");
const PORTS = ["HTTP", "GRPC", "LEGACY_HTTP", "SMTP_SINK"].map((each) => [`CARILLON_${each}_PORT`, "0"]);
/** Twelve processes, on two cores. */
const START_MS = 150_000;

/** As in another terminal: nothing of the mesh's own settings is set there. */
const tail = (...args: string[]) =>
  promisify(execFile)(process.execPath, ["--no-warnings", join(root, "services/tail.ts"), ...args], {
    env: { PATH: process.env.PATH, CARILLON_DATA_DIR: dataDir },
  });

afterAll(async () => {
  rmSync(dataDir, { recursive: true, force: true });
  await forget({ kafka, mysql, redisCache, redisLedger, cassandra } as EngineAddresses, name);
});

test("is ready with a URL and a table of its processes, takes a notification, and ends well on SIGTERM", {
  timeout: 2 * START_MS,
}, async () => {
  const child = spawn(process.execPath, [join(root, "deploy/bootstrap.mjs"), "deploy/local/main.ts", "--data-dir", dataDir], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      ...Object.fromEntries(PORTS),
      ...settingsUnder(name),
      CARILLON_KAFKA_BROKERS: kafka.join(","),
      CARILLON_MYSQL_URL: `${mysql}/${name}`,
      CARILLON_REDIS_CACHE_URL: redisCache,
      CARILLON_REDIS_LEDGER_URL: redisLedger,
      CARILLON_CASSANDRA_CONTACT_POINTS: cassandra,
    },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  try {
    await expect.poll(() => said, { timeout: START_MS }).toMatch(/^Carillon ready http:\S+ also http:\S+ grpc \S+/m);
    for (const process_ of ["ingest\\+console", "email-workers", "tracker"])
      expect(said).toMatch(new RegExp(`^${process_} +\\d+ +\\d+$`, "m"));
    const [, url = ""] = /^Carillon ready (\S+)/m.exec(said) ?? [];
    const { status } = await post(`${url}/api/v1/notifications`, { user_id: "ann", event_type: "x.y", content: "Hello" });
    expect(status).toBe(202);
    const [, pid = ""] = /^router +\d+ +(\d+)$/m.exec(said) ?? [];
    process.kill(Number(pid), "SIGKILL");
    await expect
      .poll(() => said, { timeout: START_MS })
      .toMatch(/^router was ended by signal 9; starting it again\.\nrouter runs again, pid \d+\.$/m);
    const { stdout, stderr } = await tail("notifications.raw", "--mesh");
    expect(stderr).toContain(`Reading the log: Kafka's, ${kafka.join(", ")}.`);
    expect(JSON.parse(stdout).value).toMatchObject({ recipients: [{ user_id: "ann" }], event_type: "x.y" });
  } finally {
    child.kill("SIGTERM");
  }
  expect(await ended).toBe(0);
});

test("in production says where the first key is, which only the owner may read, and no port that nothing listens at", {
  timeout: 2 * START_MS,
}, async () => {
  const ownDir = mkdtempSync(join(tmpdir(), "carillon-mesh-"));
  const own = `mesh_${randomWord()}`;
  onTestFinished(async () => {
    rmSync(ownDir, { recursive: true, force: true });
    await forget({ kafka, mysql, redisCache, redisLedger, cassandra } as EngineAddresses, own);
  });
  const child = spawn(
    process.execPath,
    [join(root, "deploy/bootstrap.mjs"), "deploy/local/main.ts", "--one-process", "--data-dir", ownDir],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        ...Object.fromEntries(PORTS),
        ...settingsUnder(own),
        CARILLON_MODE: "production",
        CARILLON_EMAIL_SMTP_HOST: "127.0.0.1",
        CARILLON_CASSANDRA_CREATE_WITH_REPLICAS: "1",
        CARILLON_KAFKA_BROKERS: kafka.join(","),
        CARILLON_MYSQL_URL: `${mysql}/${own}`,
        CARILLON_REDIS_CACHE_URL: redisCache,
        CARILLON_REDIS_LEDGER_URL: redisLedger,
        CARILLON_CASSANDRA_CONTACT_POINTS: cassandra,
      },
    },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  try {
    await expect.poll(() => said, { timeout: START_MS }).toMatch(/^Carillon ready http:\S+ also http:\S+ grpc \S+ data \S+$/m);
    const log = join(ownDir, "services/carillon.log");
    expect(said).toContain(`The first API key, an admin's, is in ${log}, `);
    expect(readFileSync(log, "utf8")).toMatch(/^The first API key, .*: ck_live_\S+$/m);
    expect(statSync(log).mode & 0o777).toBe(0o600);
    expect(said).not.toContain("ck_live_");
  } finally {
    child.kill("SIGTERM");
  }
  expect(await ended).toBe(0);
});
