/** The launcher as the mesh and the tests use it, with the engines that start fast where any will do. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { afterEach, beforeEach, describe, expect, inject, test, vi } from "vitest";
import type { EngineName } from "./addresses.ts";
import { type RunningEngines, type StartOptions, startEngines } from "./engines.ts";

let dataDir: string;
const said: string[] = [];
const running: RunningEngines<never>[] = [];
const logger = { info: (sentence: string) => void said.push(sentence), warn: (sentence: string) => void said.push(sentence) };

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "carillon-launcher-"));
  said.length = 0;
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((engines) => engines.stop()));
  rmSync(dataDir, { recursive: true, force: true });
});

async function start<Name extends EngineName>(
  which: readonly Name[],
  more: Partial<StartOptions<Name>> = {},
): Promise<RunningEngines<Name>> {
  const engines = await startEngines({ dataDir, brokers: 1, logger, which, ...more });
  running.push(engines as unknown as RunningEngines<never>);
  return engines;
}

async function withRedis<Answer>(address: string, ask: (redis: Redis) => Promise<Answer>): Promise<Answer> {
  const redis = new Redis(address);
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

test("of the two Redis one may forget and writes nothing down, the other never forgets", async () => {
  const { addresses } = await start(["redisCache", "redisLedger"]);
  const settings = (address: string) =>
    withRedis(address, (redis) => redis.config("GET", "maxmemory-policy", "appendonly") as Promise<string[]>);
  expect(await settings(addresses.redisCache)).toEqual(expect.arrayContaining(["allkeys-lru", "no"]));
  expect(await settings(addresses.redisLedger)).toEqual(expect.arrayContaining(["noeviction", "yes"]));
});

test("a port that somebody took since the last start gives way to another, with the data kept", async () => {
  const first = await start(["redisLedger"]);
  await withRedis(first.addresses.redisLedger, (redis) => redis.set("kept", "yes"));
  await first.stop();
  const port = Number(new URL(first.addresses.redisLedger).port);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
  try {
    const second = await start(["redisLedger"]);
    expect(second.addresses).not.toEqual(first.addresses);
    expect(await withRedis(second.addresses.redisLedger, (redis) => redis.get("kept"))).toBe("yes");
  } finally {
    other.close();
  }
});

test("a process that ends by itself is told, and comes back at its port with its data by a restart", async () => {
  const engines = await start(["redisLedger"]);
  const address = engines.addresses.redisLedger;
  await withRedis(address, (redis) => redis.set("kept", "yes"));
  const [before] = engines.processes;
  process.kill(before?.pid as number, "SIGKILL");
  await expect.poll(() => said).toContain("redis-ledger was ended by signal 9.");
  await engines.restart("redis-ledger");
  expect(engines.processes).toEqual([{ name: "redis-ledger", port: before?.port, pid: expect.any(Number) }]);
  expect(engines.processes[0]?.pid).not.toBe(before?.pid);
  expect(await withRedis(address, (redis) => redis.get("kept"))).toBe("yes");
});

test("a restart of what still runs ends it first and tells nobody", async () => {
  const engines = await start(["redisCache"]);
  const before = engines.processes[0]?.pid;
  await engines.restart("redis-cache");
  expect(engines.processes[0]?.pid).not.toBe(before);
  expect(said).toEqual([]);
});

test("a second launcher of the same data is told so, and may have it when the first has stopped", async () => {
  const first = await start(["redisCache"]);
  await expect(start(["redisCache"])).rejects.toThrow(
    `The directory ${dataDir} is in use: its engines run already, started by another process.`,
  );
  await first.stop();
  const second = await start(["redisCache"]);
  expect(second.addresses).toEqual(first.addresses);
});

test("an engine that does not start is told by the last lines of its log, and the others are ended", async () => {
  const first = await start(["redisLedger"]);
  await withRedis(first.addresses.redisLedger, (redis) => redis.set("kept", "yes"));
  await first.stop();
  const folder = join(dataDir, "redis-ledger/appendonlydir");
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".manifest")))
    writeFileSync(join(folder, name), "not a manifest\n");
  const failure = start(["redisCache", "redisLedger"]);
  await expect(failure).rejects.toThrow(/^redis-ledger ended with exit code 1 before it answered\. The log in .*redis-ledger ends with:\n/);
  await expect(failure).rejects.toThrow(/AOF manifest/);
  // Nothing of it is left: the same data can be had at once.
  expect((await start(["redisCache"])).processes).toHaveLength(1);
});

test("a start that is given up ends what it has started", async () => {
  const giveUp = new AbortController();
  const starting = start(["redisCache", "cassandra"], { signal: giveUp.signal });
  await expect.poll(() => readdirSync(dataDir)).toContain("cassandra");
  giveUp.abort(new Error("never mind"));
  await expect(starting).rejects.toThrow("never mind");
  expect((await start(["redisCache"])).processes).toHaveLength(1);
});

describe("engines that are given", () => {
  test("are used, and not started", async () => {
    const given = { redisCache: inject("engines").redisCache };
    const { addresses, processes } = await start(["redisCache", "redisLedger"], { given });
    expect(addresses.redisCache).toBe(given.redisCache);
    expect(processes.map(({ name }) => name)).toEqual(["redis-ledger"]);
  });

  test.each([
    { kafka: ["127.0.0.1:1"] },
    { mysql: "mysql://root@127.0.0.1:1" },
    { redisLedger: "redis://127.0.0.1:1" },
    { cassandra: "127.0.0.1:1" },
  ])("must answer: %j", async (given) => {
    const [name] = Object.keys(given) as [EngineName];
    await expect(start([name], { given })).rejects.toThrow(new RegExp(`^The ${name} that CARILLON_[A-Z_]+ names does not answer: `));
  });
});

describe("Kafka with three brokers", () => {
  // Three Java processes, beside other tests on two cores.
  vi.setConfig({ testTimeout: 150_000 });

  test("keeps every record three times, and acknowledges it with one broker gone", async () => {
    const engines = await start(["kafka"], { brokers: 3 });
    const kafka = new Kafka({ brokers: [...engines.addresses.kafka], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "kept", numPartitions: 3 }], waitForLeaders: true });
    const [topic] = (await admin.fetchTopicMetadata({ topics: ["kept"] })).topics;
    expect(topic?.partitions.map(({ replicas }) => replicas.length)).toEqual([3, 3, 3]);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: "kept", configNames: ["min.insync.replicas"] }],
    });
    expect(resources[0]?.configEntries[0]?.configValue).toBe("2");

    process.kill(engines.processes[1]?.pid as number, "SIGKILL");
    await expect.poll(() => said).toContain("kafka-2 was ended by signal 9.");
    const producer = kafka.producer({ retry: { retries: 30, maxRetryTime: 1_000 } });
    await producer.connect();
    await producer.send({ topic: "kept", acks: -1, messages: [0, 1, 2].map((partition) => ({ partition, value: "a" })) });
    await producer.disconnect();
    await engines.restart("kafka-2");
    const offsets = await admin.fetchTopicOffsets("kept");
    expect(offsets.map(({ high }) => high)).toEqual(["1", "1", "1"]);
    await admin.disconnect();
  });

  test("is not made of data that one broker kept", async () => {
    await (await start(["kafka"])).stop();
    await expect(start(["kafka"], { brokers: 3 })).rejects.toThrow(
      `The Kafka in ${join(dataDir, "kafka")} was made with one broker, and cannot go on with 3 brokers. ` +
        "Start it with --brokers 1, or give it another --data-dir.",
    );
  });
});
