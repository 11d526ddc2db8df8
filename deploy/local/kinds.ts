/** Each kind of engine: how its program is had, how its processes are run from that, and how one at a given address is asked. */
import { join } from "node:path";
import type { EngineAddresses, EngineName } from "./addresses.ts";
import { askCassandra, obtainCassandra, planCassandra } from "./cassandra.ts";
import type { EngineLog, EnginePlan } from "./engine.ts";
import { askKafka, obtainKafka, planKafka } from "./kafka.ts";
import { askMysql, obtainMariadb, planMariadb } from "./mariadb.ts";
import type { Ports } from "./port.ts";
import { askRedis, obtainRedis, planRedis } from "./redis.ts";

export interface Place {
  readonly dataDir: string;
  readonly ports: Ports;
  readonly brokers: 1 | 3;
}

/** Chooses ports and prepares the data directory; the processes of one engine. */
export type Planner = (place: Place) => Promise<readonly EnginePlan[]>;

export interface Kind<Address> {
  /** Finds, installs or downloads the program; throws ProgramMissing. */
  obtain(logger: EngineLog): Promise<Planner>;
  addressOf(ports: readonly number[]): Address;
  /** Throws unless one answers there. */
  ask(address: Address): Promise<void>;
}

const HOST = "127.0.0.1";

const redis = (name: "redis-cache" | "redis-ledger"): Kind<string> => ({
  async obtain(logger) {
    const program = obtainRedis(logger);
    return ({ dataDir, ports }) => planRedis(program, name, join(dataDir, name), ports);
  },
  addressOf: ([port]) => `redis://${HOST}:${port}`,
  ask: askRedis,
});

export const kinds: { readonly [Name in EngineName]: Kind<EngineAddresses[Name]> } = {
  kafka: {
    async obtain(logger) {
      const program = await obtainKafka(logger);
      return ({ dataDir, ports, brokers }) => planKafka(program, join(dataDir, "kafka"), brokers, ports);
    },
    addressOf: (ports) => ports.map((port) => `${HOST}:${port}`),
    ask: (addresses) => askKafka(addresses),
  },
  mysql: {
    async obtain(logger) {
      const program = obtainMariadb(logger);
      return ({ dataDir, ports }) => planMariadb(program, join(dataDir, "mariadb"), ports);
    },
    addressOf: ([port]) => `mysql://root@${HOST}:${port}`,
    ask: askMysql,
  },
  redisCache: redis("redis-cache"),
  redisLedger: redis("redis-ledger"),
  cassandra: {
    async obtain(logger) {
      const program = await obtainCassandra(logger);
      return ({ dataDir, ports }) => planCassandra(program, join(dataDir, "cassandra"), ports);
    },
    addressOf: ([port]) => `${HOST}:${port}`,
    ask: askCassandra,
  },
};
