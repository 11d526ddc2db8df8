/**
 * Kafka without Docker or ZooKeeper: one broker, or three that replicate to each other, each its own KRaft controller too.
 *
 * With three a record is acknowledged when two have it, so one may be lost at any time.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { type EngineLog, type EnginePlan, runStep } from "./engine.ts";
import { obtainJars } from "./jars.ts";
import { FRUGAL, obtainJava } from "./java.ts";
import type { Ports } from "./port.ts";
import { EngineProblem } from "./problem.ts";

/** What Kafka is run with. */
export interface KafkaProgram {
  readonly java: string;
  readonly jars: string;
}

export async function obtainKafka(logger: EngineLog): Promise<KafkaProgram> {
  const java = obtainJava({ title: "Kafka", oldest: 17 });
  return { java, jars: await obtainJars("kafka", { logger }) };
}

interface Broker {
  readonly id: number;
  readonly name: string;
  readonly dir: string;
  readonly port: number;
  readonly controllerPort: number;
}

export async function planKafka(program: KafkaProgram, dir: string, brokers: 1 | 3, ports: Ports): Promise<readonly EnginePlan[]> {
  const clusterId = clusterOf(dir, brokers);
  const all: Broker[] = [];
  for (let id = 1; id <= brokers; id++) {
    const name = `kafka-${id}`;
    const port = await ports.take(name);
    all.push({ id, name, dir: join(dir, name), port, controllerPort: await ports.take(`${name}-controller`) });
  }
  return Promise.all(
    all.map(async (broker) => {
      await format(program, broker, all, clusterId);
      const file = join(broker.dir, "server.properties");
      writeFileSync(file, properties(broker, all, join(broker.dir, "data")));
      return {
        ...{ name: broker.name, dir: broker.dir, command: program.java, args: javaArgs(program, broker.dir, "kafka.Kafka", file) },
        ...{ port: broker.port, ports: [broker.port, broker.controllerPort] },
        ask: () => askKafka([`127.0.0.1:${broker.port}`], broker.id),
      };
    }),
  );
}

/** The id of the cluster, made once; its brokers do not become more or fewer. */
function clusterOf(dir: string, brokers: number): string {
  const file = join(dir, "cluster.json");
  if (existsSync(file)) {
    const cluster: { id: string; brokers: number } = JSON.parse(readFileSync(file, "utf8"));
    if (cluster.brokers === brokers) return cluster.id;
    throw new EngineProblem(
      `The Kafka in ${dir} was made with ${count(cluster.brokers)}, and cannot go on with ${count(brokers)}. ` +
        `Start it with --brokers ${cluster.brokers}, or give it another --data-dir.`,
    );
  }
  mkdirSync(dir, { recursive: true });
  // A leading dash would look like an option to Kafka's own tools.
  const id = `C${randomBytes(16).toString("base64url").slice(1)}`;
  writeFileSync(`${file}.new`, JSON.stringify({ id, brokers }));
  renameSync(`${file}.new`, file);
  return id;
}

const count = (brokers: number): string => (brokers === 1 ? "one broker" : `${brokers} brokers`);

/** Formatted beside its place and then moved there, so that a start that was cut off leaves nothing half done. */
async function format(program: KafkaProgram, broker: Broker, all: readonly Broker[], clusterId: string): Promise<void> {
  const data = join(broker.dir, "data");
  mkdirSync(broker.dir, { recursive: true });
  if (existsSync(data)) return;
  const fresh = join(broker.dir, "data.new");
  rmSync(fresh, { recursive: true, force: true });
  const file = join(broker.dir, "format.properties");
  writeFileSync(file, properties(broker, all, fresh));
  const args = javaArgs(program, broker.dir, "kafka.tools.StorageTool", "format", "-t", clusterId, "-c", file);
  await runStep({ name: `${broker.name}-format`, dir: broker.dir, command: program.java, args: ["-XX:TieredStopAtLevel=1", ...args] });
  renameSync(fresh, data);
}

function javaArgs({ jars }: KafkaProgram, dir: string, mainClass: string, ...args: readonly string[]): readonly string[] {
  const temporary = join(dir, "tmp");
  mkdirSync(temporary, { recursive: true });
  return [
    ...["-Xms128m", "-Xmx512m", ...FRUGAL, `-Djava.io.tmpdir=${temporary}`],
    ...["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"],
    ...["-cp", join(jars, "*"), mainClass, ...args],
  ];
}

const properties = ({ id, port, controllerPort }: Broker, all: readonly Broker[], data: string): string =>
  Object.entries({
    "process.roles": "broker,controller",
    "node.id": id,
    "controller.quorum.voters": all.map((each) => `${each.id}@127.0.0.1:${each.controllerPort}`).join(","),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,
    "default.replication.factor": all.length,
    "offsets.topic.replication.factor": all.length,
    "transaction.state.log.replication.factor": all.length,
    "min.insync.replicas": all.length === 3 ? 2 : 1,
    "transaction.state.log.min.isr": all.length === 3 ? 2 : 1,
    "offsets.topic.num.partitions": 10,
    "transaction.state.log.num.partitions": 10,
    // A mesh that nobody started for a fortnight still knows what it has read.
    "offsets.retention.minutes": 60 * 24 * 30,
    // A broker that was killed is known to be gone, and may come back, after six seconds instead of nine.
    "broker.session.timeout.ms": 6_000,
    "broker.heartbeat.interval.ms": 1_000,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": "false",
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");

/** Throws unless Kafka answers at one of these addresses and, where an id is given, knows that broker as one that serves. */
export async function askKafka(addresses: readonly string[], id?: number): Promise<void> {
  const kafka = new Kafka({
    brokers: [...addresses],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    requestTimeout: 2_000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    if (brokers.length === 0 || (id !== undefined && !brokers.some(({ nodeId }) => nodeId === id))) throw new Error("no broker serves yet");
  } finally {
    await admin.disconnect();
  }
}
