/**
 * Three Kafka brokers for the tests that kill them, in the shape of `startEngines({ brokers: 3, which: ["kafka"] })` of deploy/local, which
 * takes this file's place where it is there. The jars are those of the pom in facts: kafka_2.13 4.1.1 with what it depends on.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import kafkajs from "kafkajs";

export interface Brokers {
  readonly addresses: { readonly kafka: readonly string[] };
  readonly processes: readonly { readonly name: string; readonly pid: number; readonly port: number }[];
  /** Starts the broker of that name once more; ends it first, orderly, where it still runs. Resolves when it serves. */
  restart(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Keeps tests up for longer than a usual run has time for. */
export const isLong = process.env.TEST_FULL === "1";

const JARS = process.env.CARILLON_TEST_KAFKA_JARS ?? "/tmp/engines/jars/kafka";

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

export async function startBrokers(count: 1 | 3 = 3): Promise<Brokers> {
  const dir = mkdtempSync(join(tmpdir(), "carillon-brokers-"));
  const ports = await freePorts(count * 2);
  const all = Array.from({ length: count }, (_, at) => ({
    id: at + 1,
    name: `kafka-${at + 1}`,
    port: ports[at * 2] as number,
    controllerPort: ports[at * 2 + 1] as number,
  }));
  const running = new Map<string, ChildProcess>();
  const java = (...args: string[]) => [
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-cp",
    `${JARS}/*`,
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    ...args,
  ];
  const fileOf = (name: string) => join(dir, name, "server.properties");

  for (const { id, name, port, controllerPort } of all) {
    mkdirSync(join(dir, name));
    const properties = {
      "process.roles": "broker,controller",
      "node.id": id,
      "controller.quorum.voters": all.map((each) => `${each.id}@127.0.0.1:${each.controllerPort}`).join(","),
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
      "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
      "controller.listener.names": "CONTROLLER",
      "log.dirs": join(dir, name, "data"),
      "offsets.topic.replication.factor": count,
      "offsets.topic.num.partitions": 4,
      "transaction.state.log.replication.factor": count,
      "transaction.state.log.num.partitions": 4,
      "min.insync.replicas": count === 3 ? 2 : 1,
      "transaction.state.log.min.isr": count === 3 ? 2 : 1,
      "group.initial.rebalance.delay.ms": 0,
      "auto.create.topics.enable": "false",
    };
    writeFileSync(
      fileOf(name),
      Object.entries(properties)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    );
    execFileSync("java", java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", fileOf(name)));
  }

  const launch = (name: string) => {
    const log = openSync(join(dir, name, "log"), "a");
    running.set(name, spawn("java", java("kafka.Kafka", fileOf(name)), { stdio: ["ignore", log, log] }));
  };
  const end = async (name: string, signal: NodeJS.Signals) => {
    const child = running.get(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGCONT");
    child.kill(signal);
    await once(child, "exit");
  };
  const serving = async (brokers: typeof all) => {
    for (const { id, port } of brokers) {
      for (;;) {
        const admin = new kafkajs.Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: 0, retry: { retries: 0 } }).admin();
        const found = await admin
          .connect()
          .then(() => admin.describeCluster())
          .catch(() => undefined);
        await admin.disconnect().catch(() => {});
        if (found?.brokers.some(({ nodeId }) => nodeId === id)) break;
        await sleep(200);
      }
    }
  };
  const stop = async () => {
    await Promise.all(all.map(({ name }) => end(name, "SIGKILL")));
    rmSync(dir, { recursive: true, force: true });
  };

  for (const { name } of all) launch(name);
  try {
    await serving(all);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    addresses: { kafka: all.map(({ port }) => `127.0.0.1:${port}`) },
    get processes() {
      return all.map(({ name, port }) => ({ name, port, pid: running.get(name)?.pid as number }));
    },
    async restart(name) {
      await end(name, "SIGTERM");
      launch(name);
      await serving(all.filter((each) => each.name === name));
    },
    stop,
  };
}
