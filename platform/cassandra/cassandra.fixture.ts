/** A keyspace of a test's own on the cluster that tests speak to, and a wire to it that a test can cut. */
import { randomBytes } from "node:crypto";
import { Client, type types } from "cassandra-driver";
import pino from "pino";
import { inject, onTestFinished } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { type TcpProxy, tcpProxy } from "../../test/fakes/tcp-proxy.ts";
import type { Cassandra, CassandraNeeds } from "./cassandra.ts";
import { openCassandra } from "./open.ts";

export const randomWord = (): string => `test_${randomBytes(6).toString("hex")}`;

/** Speaks to the cluster as an operator would. */
export function operator(): Client {
  const [host = ""] = inject("engines").cassandra.split(",");
  return new Client({ contactPoints: [host], localDataCenter: "datacenter1", encoding: { useBigIntAsLong: true } });
}

export const needsOf = (keyspace: string, more: Partial<CassandraNeeds> = {}): CassandraNeeds => ({
  contactPoints: inject("engines").cassandra.split(","),
  localDataCenter: "datacenter1",
  ...{ keyspace, createWithReplicas: 1, clock: systemClock, logger: pino({ level: "silent" }) },
  ...more,
});

export interface TestKeyspace {
  readonly name: string;
  /** One more session, closed at the end. */
  open(more?: Partial<CassandraNeeds>): Promise<Cassandra>;
  /** What no store would ask. */
  execute(cql: string, params?: readonly unknown[]): Promise<types.ResultSet>;
  drop(): Promise<void>;
}

/** For a whole file: call it in beforeAll, and `drop` in afterAll. */
export async function testKeyspace(): Promise<TestKeyspace> {
  const name = randomWord();
  const client = operator();
  const sessions: Cassandra[] = [];
  await client.connect();
  return {
    name,
    async open(more) {
      const session = await openCassandra(needsOf(name, more));
      sessions.push(session);
      return session;
    },
    execute: (cql, params = []) => client.execute(cql.replaceAll("KEYSPACE_", `${name}.`), [...params], { prepare: true }),
    async drop() {
      for (const session of sessions) await session.close();
      await client.execute(`DROP KEYSPACE IF EXISTS ${name}`);
      await client.shutdown();
    },
  };
}

/** A way to the cluster's first host, which ends with the test that asks for it. */
export async function openWire(): Promise<TcpProxy & { readonly address: string }> {
  const [host = "", port = ""] = (inject("engines").cassandra.split(",")[0] as string).split(":");
  const wire = await tcpProxy({ host, port: Number(port) });
  onTestFinished(() => wire.close());
  return Object.assign(wire, { address: `127.0.0.1:${wire.port}` });
}
