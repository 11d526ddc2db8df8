/** Where the engines of a mesh are. The embedded form looks at none of it. */
import { z } from "zod";
import { ConfigProblem, variableOf } from "#platform/config/config.ts";
import { flag, list, secret, wholeNumber } from "#platform/config/fields.ts";
import { isHost, isHostAndPort } from "#platform/engines/host.ts";
import type { Module } from "#platform/host.ts";
import { addressOf as mysqlAddress } from "#platform/mysql/address.ts";
import { addressOf as redisAddress } from "#platform/redis/address.ts";

/** A URL that `read` takes. */
const address = (read: (url: string) => unknown, example: string, what: string) =>
  secret()
    .refine((text) => isTaken(read, text), { error: `must be a URL like ${example}` })
    .optional()
    .meta({ description: `${what}: ${example}` });

function isTaken(read: (url: string) => unknown, text: string): boolean {
  try {
    read(text);
    return true;
  } catch {
    return false;
  }
}

const hosts = (isOne: (text: string) => boolean, example: string) =>
  list()
    .refine((texts) => texts.every(isOne), { error: `must be like ${example}` })
    .default([]);

/** Of certificates: one way for every engine. */
const TRUSTED =
  "Its certificate has to be valid for the host that is spoken to; NODE_EXTRA_CA_CERTS names the file of an authority of one's own.";

const config = z.object({
  "kafka.brokers": hosts(isHostAndPort, "kafka-1:9092,kafka-2:9092").meta({
    description: "Some or all brokers as host:port. The embedded form keeps its log in SQLite, and says at the start that it ignores them.",
  }),
  "kafka.topic-prefix": z
    .string()
    .regex(/^[A-Za-z0-9._-]{0,100}$/, { error: "must be at most 100 letters, digits, dots, dashes and underscores" })
    .default("")
    .meta({ description: "Stands before the names of the topics in Kafka." }),
  "kafka.replication": wholeNumber({ min: 1, max: 9 })
    .optional()
    .meta({ description: "Replicas of topics that are made; left out: three where there are three brokers, else one." }),
  "kafka.tls": flag()
    .default(false)
    .meta({ description: `true: the brokers are spoken to over TLS. ${TRUSTED}` }),
  "kafka.sasl-mechanism": z
    .enum(["plain", "scram-sha-256", "scram-sha-512"], { error: "must be plain, scram-sha-256 or scram-sha-512" })
    .optional()
    .meta({ description: "How this program signs in to the brokers; left out: it does not." }),
  "kafka.sasl-username": z.string().optional().meta({ description: "With kafka.sasl-mechanism." }),
  "kafka.sasl-password": secret().optional().meta({ description: "With kafka.sasl-mechanism." }),
  "mysql.url": address(
    mysqlAddress,
    "mysql://user:password@host:3306/carillon",
    "MySQL or MariaDB: people, preferences, templates, schedule, keys, dead letters",
  ),
  "mysql.tls": flag()
    .default(false)
    .meta({ description: `true: MySQL is spoken to over TLS, by its host's name. ${TRUSTED}` }),
  "mysql.connections": wholeNumber({ min: 1, max: 1_000 })
    .default(10)
    .meta({ description: "Connections of one process to MySQL, at most." }),
  "redis.ledger-url": address(
    redisAddress,
    "redis://host:6379",
    "The Redis of ledger, reservations and fan-out, which must keep what it is told: maxmemory-policy noeviction, appendonly yes",
  ),
  "redis.cache-url": address(
    redisAddress,
    "redis://host:6380",
    "The Redis of the caches, which may forget: another server than the ledger's",
  ),
  "redis.prefix": z
    .string()
    .regex(/^[\x21-\x7e]{1,100}$/, { error: "must be 1 to 100 printable characters without blanks, like carillon:" })
    .default("carillon:")
    .meta({ description: "Stands before every key and channel in both, so that several installations may share them." }),
  "cassandra.contact-points": hosts(isHost, "cassandra-1:9042,cassandra-2:9042").meta({
    description: "Some hosts of the cluster, each host or host:9042: history, inbox, stats.",
  }),
  "cassandra.local-data-center": z
    .string()
    .default("datacenter1")
    .meta({ description: "Whose hosts are spoken to, and whose quorum decides." }),
  "cassandra.keyspace": z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,47}$/, { error: "must be lower-case letters, digits and underscores, like carillon" })
    .default("carillon")
    .meta({ description: "The keyspace." }),
  "cassandra.create-with-replicas": wholeNumber({ min: 1, max: 9 })
    .optional()
    .meta({ description: "Makes a missing keyspace with so many copies. Left out: in development 1, in production it has to be there." }),
  "cassandra.tls": flag()
    .default(false)
    .meta({ description: `true: Cassandra is spoken to over TLS. ${TRUSTED}` }),
  "cassandra.username": z.string().optional().meta({ description: "Left out: no credentials." }),
  "cassandra.password": secret().optional().meta({ description: "With cassandra.username." }),
});

export type EngineSettings = z.output<typeof config>;

export const enginesModule: Module<EngineSettings> = { name: "engines", config, build: () => ({}) };

/** Of a setting that the mesh form cannot do without. Throws ConfigProblem. */
export function needed<K extends keyof EngineSettings>(settings: EngineSettings, key: K): NonNullable<EngineSettings[K]> {
  const value = settings[key];
  if (value === undefined || (Array.isArray(value) && value.length === 0))
    throw new ConfigProblem([`${variableOf(key)} must be set: the mesh form needs it.`]);
  return value as NonNullable<EngineSettings[K]>;
}
