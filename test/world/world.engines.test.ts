/** What is left of the worlds of a run that is killed: nothing, on this machine and on engines that go on running. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import kafkajs from "kafkajs";
import { createConnection } from "mysql2/promise";
import { expect, inject, onTestFinished, test } from "vitest";
import type {} from "../engines/addresses.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const config = fileURLToPath(new URL("./vitest.fixture.ts", import.meta.url));

function run() {
  const folder = mkdtempSync(join(tmpdir(), "carillon-run-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "engines.json");
  writeFileSync(file, JSON.stringify(inject("engines")));
  const env = { ...process.env, CARILLON_TEST_ENGINES: file, NO_COLOR: "1" };
  const child = spawn(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", "--config", config], { env, cwd: root });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  return { child, said: () => said };
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** What the engines have under that name. */
async function named(name: string): Promise<string[]> {
  const { kafka, mysql, redisLedger } = inject("engines");
  const admin = new kafkajs.Kafka({ brokers: [...kafka], logLevel: kafkajs.logLevel.NOTHING }).admin();
  const database = await createConnection(mysql);
  const redis = new Redis(redisLedger);
  try {
    await admin.connect();
    const [databases] = await database.query({ sql: "SHOW DATABASES", rowsAsArray: true });
    const all = [await admin.listTopics(), (databases as unknown as string[][]).flat(), await redis.keys(`${name}*`)].flat();
    return all.filter((each) => each.startsWith(name));
  } finally {
    redis.disconnect();
    await Promise.all([database.end(), admin.disconnect()]);
  }
}

test("a run that is killed leaves no process, no folder, and nothing on the engines", { timeout: 180_000 }, async () => {
  const { child, said } = run();
  await expect.poll(said, { timeout: 100_000 }).toMatch(/World \d+ in /);
  const [, pid = "", dataDir = "", name = ""] = /World (\d+) in (\S+) as (\w+)\.\n/.exec(said()) ?? [];
  expect(isAlive(Number(pid))).toBe(true);
  const expected = [name, `${name}.notifications.raw`, `${name}:ledger:sentinel`];
  expect(await named(name)).toEqual(expect.arrayContaining(expected));
  child.kill("SIGKILL");
  await expect.poll(() => isAlive(Number(pid)), { timeout: 40_000 }).toBe(false);
  await expect.poll(() => existsSync(dirname(dataDir)), { timeout: 60_000 }).toBe(false);
  await expect.poll(() => named(name), { timeout: 30_000 }).toEqual([]);
});
