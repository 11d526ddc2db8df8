/**
 * `npm run mesh -- --engines-only`, as a user starts it: all engines, what they keep from one start to the next, and that they end with it.
 *
 * The tests go on with each other's data, in one directory.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "cassandra-driver";
import { Redis } from "ioredis";
import { Kafka, logLevel } from "kafkajs";
import { createConnection } from "mysql2/promise";
import { afterAll, afterEach, expect, test, vi } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), "carillon-mesh-"));
const launchers: Launcher[] = [];

/** Five engines at once, beside other tests on two cores. */
const START_MS = 100_000;
vi.setConfig({ testTimeout: 2 * START_MS });

interface Launcher {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  said(): string;
}

afterEach(async () => {
  for (const { child, ended } of launchers.splice(0)) {
    child.kill("SIGTERM");
    await ended;
  }
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

function launch(...args: readonly string[]): Launcher {
  const command = [join(root, "deploy/bootstrap.mjs"), "deploy/local/main.ts", ...args];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (text += chunk));
  const launcher = { child, said: () => text, ended: new Promise<number | null>((resolve) => child.once("close", resolve)) };
  launchers.push(launcher);
  return launcher;
}

interface Ready extends Launcher {
  readonly address: Readonly<Record<string, string>>;
  readonly pids: readonly number[];
}

async function launchEngines(): Promise<Ready> {
  const launcher = launch("--engines-only", "--data-dir", dataDir);
  await expect.poll(launcher.said, { timeout: START_MS }).toMatch(/\nEngines ready\n/);
  const [engines = "", processes = ""] = launcher.said().split("\n\n");
  const rows = (text: string) =>
    text
      .split("\n")
      .slice(1)
      .map((line) => line.split(/ +/));
  return {
    ...launcher,
    address: Object.fromEntries(rows(engines.slice(engines.indexOf("engine ")))),
    pids: rows(processes).map(([, , pid]) => Number(pid)),
  };
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const kafkaAt = (address: string) => new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });

async function write({ kafka, mysql, redisLedger, cassandra }: Readonly<Record<string, string>>): Promise<void> {
  const admin = kafkaAt(kafka as string).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: "kept", numPartitions: 1 }], waitForLeaders: true });
  await admin.disconnect();
  const producer = kafkaAt(kafka as string).producer();
  await producer.connect();
  await producer.send({ topic: "kept", acks: -1, messages: [{ value: "a" }, { value: "b" }] });
  await producer.disconnect();

  const connection = await createConnection(mysql as string);
  await connection.query("CREATE DATABASE kept");
  await connection.query("CREATE TABLE kept.words (word VARCHAR(10))");
  await connection.query("INSERT INTO kept.words VALUES ('Grüße')");
  await connection.end();

  const redis = new Redis(redisLedger as string);
  await redis.set("kept", "yes");
  redis.disconnect();

  const client = cassandraAt(cassandra as string);
  await client.connect();
  await client.execute("CREATE KEYSPACE kept WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
  await client.execute("CREATE TABLE kept.words (word text PRIMARY KEY)");
  await client.execute("INSERT INTO kept.words (word) VALUES ('yes')");
  await client.shutdown();
}

const cassandraAt = (address: string) => new Client({ contactPoints: [address], localDataCenter: "datacenter1" });

async function read({ kafka, mysql, redisLedger, cassandra }: Readonly<Record<string, string>>): Promise<unknown> {
  const admin = kafkaAt(kafka as string).admin();
  await admin.connect();
  const [offsets] = await admin.fetchTopicOffsets("kept");
  await admin.disconnect();
  const connection = await createConnection(mysql as string);
  const [words] = await connection.query("SELECT word FROM kept.words");
  await connection.end();
  const redis = new Redis(redisLedger as string);
  const kept = await redis.get("kept");
  redis.disconnect();
  const client = cassandraAt(cassandra as string);
  await client.connect();
  const { rows } = await client.execute("SELECT word FROM kept.words");
  await client.shutdown();
  return { kafka: offsets?.high, mysql: words, redis: kept, cassandra: rows.map(({ word }) => word) };
}

const KEPT = { kafka: "2", mysql: [{ word: "Grüße" }], redis: "yes", cassandra: ["yes"] };
let first: Ready["address"];

test("it starts every engine, says where each is and by which process, and Ctrl-C ends them all", async () => {
  const { address, pids, child, ended } = await launchEngines();
  first = address;
  expect(Object.keys(address)).toEqual(["kafka", "mysql", "redisCache", "redisLedger", "cassandra"]);
  expect(pids).toHaveLength(5);
  expect(pids.every(isAlive)).toBe(true);
  await write(address);
  child.kill("SIGINT");
  expect(await ended).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
});

test("a second start finds everything at the same addresses, and a launcher that is killed leaves nothing running", async () => {
  const { address, pids, child } = await launchEngines();
  expect(address).toEqual(first);
  expect(await read(address)).toEqual(KEPT);
  child.kill("SIGKILL");
  await expect.poll(() => pids.filter(isAlive), { timeout: 30_000 }).toEqual([]);
});

test("a start right after a launcher was killed waits for what is ending, and finds everything", async () => {
  const { child, address } = await launchEngines();
  child.kill("SIGKILL");
  const next = await launchEngines();
  expect(next.address).toEqual(address);
  expect(await read(next.address)).toEqual(KEPT);
});

test.each([
  [["--engines-only", "--brokers", "2"], "--brokers is 1 or 3, not 2."],
  [["--engine-only"], 'There is no option --engine-only; did you mean "--engines-only"?'],
])("the arguments %j are refused with a sentence", async (args, sentence) => {
  const { said, ended } = launch(...args);
  expect(await ended).toBe(1);
  expect(said()).toContain(sentence);
});
