/** A keyspace of a test's own on the cluster that tests speak to, and a wire to it that a test can cut. */
import { randomBytes } from "node:crypto";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { Client, type types } from "cassandra-driver";
import pino from "pino";
import { inject, onTestFinished } from "vitest";
import { systemClock } from "#platform/clock.ts";
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

export interface Wire {
  /** host:port */
  readonly address: string;
  /** What is asked arrives, and no answer comes back. */
  mute(): void;
  /** Ends every connection and takes no more. */
  refuse(): void;
  /** Takes connections, and passes on everything that comes from now on. */
  restore(): Promise<void>;
}

/** A way to the cluster's first host, which the test that asks for it takes down at its end. */
export async function openWire(): Promise<Wire> {
  const [host = "", port = ""] = (inject("engines").cassandra.split(",")[0] as string).split(":");
  const sockets = new Set<Socket>();
  let isMute = false;
  let server: Server;
  let ownPort = 0;
  const end = (...both: readonly Socket[]) => {
    for (const socket of both) socket.destroy();
  };
  const listen = () =>
    new Promise<void>((resolve) => {
      server = createServer((near) => {
        const far = createConnection({ host, port: Number(port) });
        for (const socket of [near, far]) {
          sockets.add(socket);
          socket.on("error", () => end(near, far));
          socket.on("close", () => {
            sockets.delete(socket);
            end(near, far);
          });
        }
        near.on("data", (chunk) => far.write(chunk));
        far.on("data", (chunk) => isMute || near.write(chunk));
      });
      server.listen(ownPort, "127.0.0.1", () => {
        ownPort = (server.address() as { port: number }).port;
        resolve();
      });
    });
  const refuse = () => {
    server.close();
    end(...sockets);
  };
  await listen();
  onTestFinished(refuse);
  return {
    get address() {
      return `127.0.0.1:${ownPort}`;
    },
    mute() {
      isMute = true;
    },
    refuse,
    async restore() {
      // Half an answer is none: who waited has to begin anew.
      end(...sockets);
      isMute = false;
      if (!server.listening) await listen();
    },
  };
}
