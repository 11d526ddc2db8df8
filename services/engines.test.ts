import { expect, test } from "vitest";
import { loadConfig } from "#platform/config/config.ts";
import { enginesModule } from "./engines.ts";

const load = (env: NodeJS.ProcessEnv) => loadConfig([enginesModule], env).get("engines");

test.each([
  [{ CARILLON_KAFKA_BROKERS: "127.0.0.1" }, 'CARILLON_KAFKA_BROKERS is "127.0.0.1" but must be like kafka-1:9092,kafka-2:9092'],
  [{ CARILLON_KAFKA_BROKERS: "a:9092,b" }, 'CARILLON_KAFKA_BROKERS is "a:9092,b" but must be like kafka-1:9092,kafka-2:9092'],
  [{ CARILLON_REDIS_CACHE_URL: "localhost:6379" }, "CARILLON_REDIS_CACHE_URL has a value that must be a URL like redis://host:6380"],
  [{ CARILLON_REDIS_LEDGER_URL: "redis:6379" }, "CARILLON_REDIS_LEDGER_URL has a value that must be a URL like redis://host:6379"],
  [{ CARILLON_MYSQL_URL: "root@db" }, "CARILLON_MYSQL_URL has a value that must be a URL like mysql://user:password@host:3306/carillon"],
  [{ CARILLON_MYSQL_URL: "mysql://root@db" }, "CARILLON_MYSQL_URL has a value that must be a URL like mysql://"],
  [{ CARILLON_CASSANDRA_CONTACT_POINTS: "cql://a" }, 'CARILLON_CASSANDRA_CONTACT_POINTS is "cql://a" but must be like cassandra-1:9042'],
])("an engine that is given as %j is told with its setting and what would be right", (env, said) => {
  expect(() => load(env)).toThrow(said);
});

test("engines are given as they are written everywhere", () => {
  const env = {
    CARILLON_KAFKA_BROKERS: "kafka-1:9092, [::1]:9093",
    CARILLON_MYSQL_URL: "mysql://carillon:p%40ss@db/carillon",
    CARILLON_REDIS_LEDGER_URL: "rediss://user:word@ledger:6379/1",
    CARILLON_REDIS_CACHE_URL: "redis://cache",
    CARILLON_CASSANDRA_CONTACT_POINTS: "cassandra-1,10.0.0.1:9042",
  };
  expect(load(env)).toMatchObject({
    "kafka.brokers": ["kafka-1:9092", "[::1]:9093"],
    "mysql.url": env.CARILLON_MYSQL_URL,
    "redis.ledger-url": env.CARILLON_REDIS_LEDGER_URL,
    "redis.cache-url": env.CARILLON_REDIS_CACHE_URL,
    "cassandra.contact-points": ["cassandra-1", "10.0.0.1:9042"],
  });
});
