/** What a world of the mesh is called on the engines that all worlds share, and how everything under such a name is forgotten again. */
import { createHash } from "node:crypto";
import { Client } from "cassandra-driver";
import { Redis } from "ioredis";
import kafkajs from "kafkajs";
import { createConnection } from "mysql2/promise";
import type { EngineAddresses } from "../../deploy/local/addresses.ts";

/** The same for a data directory whenever it is asked: a second world on it goes on with what the first one kept. */
export const nameOf = (run: string, dataDir: string): string => `${run}_${createHash("sha256").update(dataDir).digest("hex").slice(0, 12)}`;

/** The settings that put everything under that name; with the database in the address of MySQL. */
export const settingsUnder = (name: string): Record<string, string> => ({
  CARILLON_KAFKA_TOPIC_PREFIX: `${name}.`,
  CARILLON_CONSUMER_GROUP_ID: name,
  CARILLON_CASSANDRA_KEYSPACE: name,
  // In production a keyspace has to be there.
  CARILLON_CASSANDRA_CREATE_WITH_REPLICAS: "1",
  CARILLON_REDIS_PREFIX: `${name}:`,
});

/** Removes topics, groups, databases, keyspaces and keys whose name begins so. */
export async function forget(engines: EngineAddresses, beginning: string): Promise<void> {
  const is = (name: string) => name.startsWith(beginning);
  const done = await Promise.allSettled([
    forgetTopics(engines.kafka, is),
    forgetDatabases(engines.mysql, is),
    forgetKeyspaces(engines.cassandra, is),
    ...[engines.redisCache, engines.redisLedger].map((url) => forgetKeys(url, beginning)),
  ]);
  const failed = done.find((each) => each.status === "rejected");
  if (failed) throw failed.reason;
}

async function forgetTopics(brokers: readonly string[], is: (name: string) => boolean): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { groups } = await admin.listGroups();
    const ours = groups.map(({ groupId }) => groupId).filter(is);
    // One that a process was torn out of still has members, and ends when they are missed.
    if (ours.length > 0) await admin.deleteGroups(ours).catch(() => {});
    const topics = (await admin.listTopics()).filter(is);
    if (topics.length > 0) await admin.deleteTopics({ topics });
  } finally {
    await admin.disconnect();
  }
}

async function forgetDatabases(url: string, is: (name: string) => boolean): Promise<void> {
  const connection = await createConnection(url);
  try {
    const [rows] = await connection.query({ sql: "SHOW DATABASES", rowsAsArray: true });
    for (const [name] of rows as unknown as [string][]) if (is(name)) await connection.query("DROP DATABASE ??", [name]);
  } finally {
    await connection.end();
  }
}

async function forgetKeyspaces(contactPoint: string, is: (name: string) => boolean): Promise<void> {
  const client = new Client({ contactPoints: [contactPoint], localDataCenter: "datacenter1" });
  await client.connect();
  try {
    const { rows } = await client.execute("SELECT keyspace_name FROM system_schema.keyspaces");
    for (const name of rows.map((row) => row.get(0) as string).filter(is)) await client.execute(`DROP KEYSPACE ${name}`);
  } finally {
    await client.shutdown();
  }
}

async function forgetKeys(url: string, beginning: string): Promise<void> {
  const redis = new Redis(url);
  try {
    for await (const keys of redis.scanStream({ match: `${beginning}*`, count: 1_000 }) as AsyncIterable<string[]>)
      if (keys.length > 0) await redis.unlink(keys);
  } finally {
    redis.disconnect();
  }
}
