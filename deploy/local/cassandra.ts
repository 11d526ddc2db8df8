/** Cassandra, one node. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Client } from "cassandra-driver";
import { stringify } from "yaml";
import type { EngineLog, EnginePlan } from "./engine.ts";
import { obtainJars } from "./jars.ts";
import { FRUGAL, obtainJava } from "./java.ts";
import type { Ports } from "./port.ts";

export interface CassandraProgram {
  readonly java: string;
  readonly jars: string;
}

export async function obtainCassandra(logger: EngineLog): Promise<CassandraProgram> {
  const java = obtainJava({ title: "Cassandra", oldest: 17, newest: 17 });
  return { java, jars: await obtainJars("cassandra", { logger }) };
}

export async function planCassandra(program: CassandraProgram, dir: string, ports: Ports): Promise<readonly EnginePlan[]> {
  const port = await ports.take("cassandra");
  const storagePort = await ports.take("cassandra-storage");
  const conf = join(dir, "conf");
  const temporary = join(dir, "tmp");
  rmSync(temporary, { recursive: true, force: true });
  for (const folder of [conf, temporary]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(conf, "cassandra.yaml"), settings(dir, port, storagePort));
  writeFileSync(join(conf, "logback.xml"), LOGBACK);
  const ask = () => askCassandra(`127.0.0.1:${port}`);
  return [
    { name: "cassandra", dir, command: program.java, args: javaArgs(program, dir, conf, temporary), port, ports: [port, storagePort], ask },
  ];
}

const settings = (dir: string, port: number, storagePort: number): string =>
  stringify({
    cluster_name: "carillon",
    num_tokens: 1,
    partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
    endpoint_snitch: "SimpleSnitch",
    seed_provider: [{ class_name: "org.apache.cassandra.locator.SimpleSeedProvider", parameters: [{ seeds: `127.0.0.1:${storagePort}` }] }],
    listen_address: "127.0.0.1",
    storage_port: storagePort,
    rpc_address: "127.0.0.1",
    native_transport_port: port,
    data_file_directories: [join(dir, "data")],
    commitlog_directory: join(dir, "commitlog"),
    saved_caches_directory: join(dir, "saved_caches"),
    hints_directory: join(dir, "hints"),
    cdc_raw_directory: join(dir, "cdc_raw"),
    commitlog_sync: "periodic",
    commitlog_sync_period: "10000ms",
    commitlog_segment_size: "16MiB",
    commitlog_total_space: "256MiB",
    memtable_heap_space: "96MiB",
    memtable_offheap_space: "96MiB",
    file_cache_size: "64MiB",
    networking_cache_size: "32MiB",
    // A dropped keyspace is gone: tests drop many.
    auto_snapshot: false,
  });

const LOGBACK = `<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %-5level %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="STDOUT"/></root>
</configuration>
`;

/** What Cassandra 5.0's own start script opens on Java 17. */
const EXPORTED = [
  ...["java.base/jdk.internal.misc", "java.base/jdk.internal.ref", "java.base/sun.nio.ch", "java.base/java.lang.ref"],
  ...["java.management.rmi/com.sun.jmx.remote.internal.rmi", "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server"],
  ...["java.rmi/sun.rmi.transport.tcp", "java.sql/java.sql", "jdk.unsupported/sun.misc"],
];
const OPENED = [
  ...["lang", "lang.module", "lang.reflect", "io", "net", "nio", "math", "util", "util.concurrent", "util.concurrent.atomic"].map(
    (name) => `java.base/java.${name}`,
  ),
  ...["loader", "ref", "reflect", "math", "module", "util.jar"].map((name) => `java.base/jdk.internal.${name}`),
  ...["java.base/sun.nio.ch", "jdk.management/com.sun.management.internal"],
];

const javaArgs = ({ jars }: CassandraProgram, dir: string, conf: string, temporary: string): readonly string[] => [
  ...["-Xms256m", "-Xmx768m", "-XX:MaxDirectMemorySize=256m", "-Xss512k", ...FRUGAL],
  ...EXPORTED.flatMap((name) => ["--add-exports", `${name}=ALL-UNNAMED`]),
  ...OPENED.flatMap((name) => ["--add-opens", `${name}=ALL-UNNAMED`]),
  `-javaagent:${join(jars, "jamm-0.4.0.jar")}`,
  `-Dcassandra.config=${pathToFileURL(join(conf, "cassandra.yaml"))}`,
  `-Dlogback.configurationFile=${join(conf, "logback.xml")}`,
  ...[`-Dcassandra.storagedir=${dir}`, `-Djava.io.tmpdir=${temporary}`, `-Djna.tmpdir=${temporary}`, "-Djava.net.preferIPv4Stack=true"],
  ...["-Dcassandra-foreground=yes", "-Djdk.attach.allowAttachSelf=true"],
  // One node waits for nobody.
  ...["-Dcassandra.superuser_setup_delay_ms=0", "-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=0"],
  "-Dcassandra.shutdown_announce_in_ms=0",
  ...["-cp", `${conf}:${join(jars, "*")}`, "org.apache.cassandra.service.CassandraDaemon"],
];

/** Throws unless Cassandra answers a query there. */
export async function askCassandra(address: string): Promise<void> {
  const client = new Client({
    contactPoints: [address],
    localDataCenter: "datacenter1",
    socketOptions: { connectTimeout: 2_000, readTimeout: 2_000 },
    monitorReporting: { enabled: false },
  });
  try {
    await client.connect();
    await client.execute("SELECT release_version FROM system.local");
  } finally {
    await client.shutdown();
  }
}
