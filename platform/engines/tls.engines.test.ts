/** Each engine over TLS: spoken to once its certificate is trusted, and refused with a sentence before. */
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import pino from "pino";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { systemClock as clock } from "#platform/clock.ts";
import { kafkaLog } from "#platform/log/log.kafka.ts";
import { openMysql } from "#platform/mysql/open.ts";
import { connectRedis } from "#platform/redis/connect.ts";
import { cert, elsewhere, securedFront, securedKafka, securedMariadb } from "../../test/engines/secured.ts";
import { type TestKeyspace, testKeyspace } from "../cassandra/cassandra.fixture.ts";
import { one } from "../log/records.fixture.ts";

const logger = pino({ level: "silent" });
const LONG = { timeout: 60_000 };

interface Opened {
  close(): Promise<void>;
}
interface Engine {
  readonly name: string;
  readonly said: RegExp;
  start(): Promise<{ readonly port: number; stop(): Promise<void> }>;
  /** Rejects unless the engine answers there. */
  open(port: number): Promise<Opened>;
}

const targetOf = (address: string) => {
  const { hostname: host, port } = new URL(address.includes("://") ? address : `tcp://${address}`);
  return { host, port: Number(port) };
};

const engines: readonly Engine[] = [
  {
    name: "MySQL",
    said: /^MySQL at localhost:\d+/,
    start: () => securedMariadb(),
    open: (port) => openMysql({ url: `mysql://root@localhost:${port}/tls`, tls: true, clock, logger }),
  },
  {
    name: "Kafka",
    said: /^Kafka at 127\.0\.0\.1:\d+/,
    start: securedKafka,
    async open(port) {
      const log = await kafkaLog({ brokers: [`127.0.0.1:${port}`], tls: true, topics: [one], clock, logger });
      await log.append([{ topic: one, key: "k", value: new Uint8Array([1]) }]);
      return log;
    },
  },
  {
    name: "Redis",
    said: /^Redis \(ledger\) at 127\.0\.0\.1:\d+/,
    start: () => securedFront(targetOf(inject("engines").redisLedger)),
    open: (port) => connectRedis({ name: "ledger", url: `rediss://127.0.0.1:${port}` }, { logger, metrics: new Registry(), clock }),
  },
  {
    name: "Cassandra",
    said: /^Cassandra at 127\.0\.0\.1:\d+/,
    start: () => securedFront(targetOf(inject("engines").cassandra)),
    open: (port) => keyspace.open({ contactPoints: [`127.0.0.1:${port}`], tls: true }),
  },
];

let keyspace: TestKeyspace;
beforeAll(async () => {
  keyspace = await testKeyspace();
});
afterAll(() => keyspace.drop());

const trusted = getCACertificates("default");
/** The authorities that Node knows, as with NODE_EXTRA_CA_CERTS. */
const trust = (...more: readonly string[]) => setDefaultCACertificates([...trusted, ...more]);

describe.each(engines)("$name over TLS", ({ said, start, open }) => {
  let engine: Awaited<ReturnType<Engine["start"]>>;
  beforeAll(async () => {
    engine = await start();
  }, 120_000);
  afterAll(() => engine.stop());

  test("is refused with a sentence while nobody vouches for its certificate", LONG, async () => {
    trust();
    const refusal = await open(engine.port).then(
      () => expect.fail("it was trusted"),
      (error: Error) => error,
    );
    expect(refusal.message).toMatch(said);
    expect(refusal.message).toMatch(/cannot be trusted over TLS: .*self.signed certificate.*NODE_EXTRA_CA_CERTS/);
  });

  test("is spoken to once its certificate is trusted", LONG, async () => {
    trust(cert);
    const opened = await open(engine.port);
    await opened.close();
  });
});

describe("MySQL over TLS", () => {
  const open = (address: string) => openMysql({ url: `mysql://root@${address}/tls`, tls: true, clock, logger });

  test("is refused where its certificate is another host's", LONG, async () => {
    const mariadb = await securedMariadb("elsewhere-cert");
    onTestFinished(() => mariadb.stop());
    trust(elsewhere);
    await expect(open(`localhost:${mariadb.port}`)).rejects.toThrow(/^MySQL at localhost:\d+ cannot be trusted over TLS: .*altnames/);
  });

  test("needs a host's name to check the certificate by", async () => {
    await expect(open("127.0.0.1:3306")).rejects.toThrow(/^MySQL at 127\.0\.0\.1:3306 must be addressed by a host's name for TLS/);
  });

  test("that knows none says so", LONG, async () => {
    await expect(open(`localhost:${new URL(inject("engines").mysql).port}`)).rejects.toThrow(/does not speak TLS/);
  });
});
