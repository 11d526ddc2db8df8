/** How this adapter reaches Kafka: one place for addresses, credentials, patience and what is done with the client's own log lines. */
import kafkajs, { type Kafka, type LogEntry, type SASLOptions } from "kafkajs";
import type { Logger } from "pino";
import { registerCodecs } from "./codecs.ts";
import { fetchInSessions } from "./fetching.ts";
import { type Cluster, calmRequestQueue, openCluster } from "./internals.ts";
import { learnByPartition } from "./metadata.ts";

export interface Connection {
  /** host:port of some or all brokers. */
  readonly brokers: readonly string[];
  /** How this program calls itself to the brokers. Default: carillon. */
  readonly clientId?: string | undefined;
  /** Over TLS, and only with certificates that Node trusts and that are valid for the brokers. Default: false. */
  readonly tls?: boolean;
  readonly sasl?:
    | { readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512"; readonly username: string; readonly password: string }
    | undefined;
}

/** A broker that is frozen counts as gone after this; longer than the nine seconds in which the others find out by themselves. */
export const REQUEST_MS = 11_000;
const CONNECT_MS = 3_000;
const RETRY = { retries: 5, initialRetryTime: 100, maxRetryTime: 500 };

const settings = ({ brokers, clientId = "carillon", tls = false, sasl }: Connection) => ({
  // Who is asked first must not be the one that is frozen, each time.
  brokers: () => shuffled(brokers),
  clientId,
  connectionTimeout: CONNECT_MS,
  requestTimeout: REQUEST_MS,
  enforceRequestTimeout: true,
  retry: RETRY,
  ssl: tls,
  ...(sasl === undefined ? {} : { sasl: { ...sasl } as SASLOptions }),
});

function shuffled(brokers: readonly string[]): string[] {
  const order = new Map(brokers.map((broker) => [broker, Math.random()]));
  return brokers.toSorted((a, b) => (order.get(a) as number) - (order.get(b) as number));
}

let prepared = false;

export function openClient(connection: Connection, logger: Logger): Kafka {
  if (!prepared) {
    calmRequestQueue();
    fetchInSessions();
    learnByPartition();
    registerCodecs();
    prepared = true;
  }
  return new kafkajs.Kafka({ ...settings(connection), logLevel: kafkajs.logLevel.WARN, logCreator: () => (entry) => tell(logger, entry) });
}

export const openOwnCluster = (connection: Connection, client: Kafka): Cluster =>
  openCluster({ ...settings(connection), logger: client.logger(), metadataMaxAge: 30_000, allowAutoTopicCreation: false });

/** What kafkajs calls an error is nearly always something it is about to try again; what matters is told by this adapter. */
function tell(logger: Logger, { namespace, level, log }: LogEntry): void {
  const { message, broker, groupId, topic, partition, error } = log;
  const line = { kafka: namespace, broker, groupId, topic, partition, error: error instanceof Error ? error.message : error };
  if (level === kafkajs.logLevel.ERROR) logger.info(line, message);
  else logger.debug(line, message);
}
