/**
 * The driver's client: made at the start, however long the cluster takes to come, and its keyspace with it where that is asked for.
 *
 * Hosts that go and return later are the driver's affair; it tries each again every few seconds.
 */
import { Client, type ClientOptions, policies, types } from "cassandra-driver";
import { isHost } from "#platform/engines/host.ts";
import type { CassandraNeeds } from "./cassandra.ts";
import { CassandraRefusal, refusalOf, saidOf } from "./errors.ts";
import { keyspaceFor } from "./keyspace.ts";

const BACKOFF_MS = [250, 500, 1_000, 2_000, 5_000];
const CONNECT_TIMEOUT_MS = 3_000;
const RECONNECT_MS = { first: 250, most: 5_000 };
const HEARTBEAT_MS = 5_000;
const LEAST_VERSION = 4;

export const DEADLINE_MS = 10_000;
/** The first host has half of the deadline, so that a second one can still answer. */
const SHARE_OF_ONE_TRY = 0.45;

/** A client whose requests without a keyspace go to the configured one. */
export async function connect(needs: CassandraNeeds): Promise<Client> {
  const { contactPoints, clock, logger, signal, credentials, localDataCenter } = needs;
  const wrong = contactPoints.filter((each) => !isHost(each));
  if (wrong.length > 0 || contactPoints.length === 0)
    throw new CassandraRefusal(
      `Cassandra's contact points must be hosts like cassandra-1 or 10.0.0.1:9042; "${wrong.join(", ")}" is none.`,
    );
  const at = contactPoints.join(", ");
  for (let tries = 0; ; tries++) {
    signal?.throwIfAborted();
    try {
      return await tryToConnect(needs, at);
    } catch (error) {
      if (error instanceof CassandraRefusal) throw error;
      const refusal = refusalOf(error, { at, username: credentials?.username, localDataCenter });
      if (refusal) throw refusal;
      logger.warn({ why: saidOf(error) }, `waiting for Cassandra at ${at}`);
    }
    await clock.sleep(BACKOFF_MS[Math.min(tries, BACKOFF_MS.length - 1)] as number, signal);
  }
}

async function tryToConnect(needs: CassandraNeeds, at: string): Promise<Client> {
  const first = new Client(optionsOf(needs));
  try {
    await first.connect();
    refuseOld(first, at);
    await keyspaceFor(first, needs, at);
  } finally {
    await first.shutdown();
  }
  const client = new Client({ ...optionsOf(needs), keyspace: needs.keyspace });
  await client.connect().catch(async (error: unknown) => {
    await client.shutdown();
    throw error;
  });
  return client;
}

function refuseOld(client: Client, at: string): void {
  for (const { cassandraVersion, address } of client.hosts.values())
    if (isTooOld(cassandraVersion))
      throw new CassandraRefusal(
        `Cassandra at ${at} is too old: ${address} runs ${cassandraVersion}. It must be ${LEAST_VERSION}.0 or later.`,
      );
}

/** Of a host that does not say its version nothing is known against it. */
export const isTooOld = (version: string | undefined): boolean =>
  Boolean(version) && Number.parseInt(version as string, 10) < LEAST_VERSION;

function optionsOf({ contactPoints, localDataCenter, credentials, tls, deadlineMs = DEADLINE_MS }: CassandraNeeds): ClientOptions {
  return {
    contactPoints: [...contactPoints],
    localDataCenter,
    ...(credentials && { credentials: { ...credentials } }),
    ...(tls && { sslOptions: { rejectUnauthorized: true } }),
    queryOptions: {
      consistency: types.consistencies.localQuorum,
      serialConsistency: types.consistencies.localSerial,
      prepare: true,
    },
    socketOptions: { connectTimeout: CONNECT_TIMEOUT_MS, readTimeout: Math.ceil(deadlineMs * SHARE_OF_ONE_TRY) },
    pooling: { heartBeatInterval: HEARTBEAT_MS },
    policies: {
      reconnection: new policies.reconnection.ExponentialReconnectionPolicy(RECONNECT_MS.first, RECONNECT_MS.most, false),
      retry: new OnceMore(),
    },
    encoding: { useBigIntAsLong: true },
  };
}

/** What may be sent twice is sent once more, to another host, also after a timeout; the driver asks only for statements that say so. */
class OnceMore extends policies.retry.RetryPolicy {
  override onReadTimeout = this.#decide;
  override onWriteTimeout = this.#decide;
  override onRequestError = this.#decide;

  #decide({ nbRetry }: policies.retry.OperationInfo): policies.retry.DecisionInfo {
    // No consistency: the statement's own.
    return nbRetry > 0 ? this.rethrowResult() : this.retryResult(undefined as never, false);
  }
}
