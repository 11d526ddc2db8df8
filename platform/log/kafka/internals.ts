/**
 * What this adapter uses of kafkajs 2.2.4 that is not its public interface, in one place: internals.test.ts says when it has changed.
 *
 * - The request queue of each connection checks for throttled requests every millisecond or ten, also when none is pending: thousands of
 *   timers a second in an idle process (kafkajs #1751). Here it sets a timer only when something is pending, and looks for requests that
 *   have timed out once a second instead of ten times.
 * - A fetched batch knows the offset it was asked for, which tells a batch out of place from records that are not for readers.
 * - A consumer's fetch names all partitions and is answered about all, each of which goes its way through the queue of workers, also those
 *   without records. Here consumers fetch in sessions (fetching.ts), and hear of those that have something.
 * - Questions about offsets and ranges of records are asked of the cluster itself: its admin client keeps to the leaders it knew for minutes.
 * - An answer about topics and leaders is refused as a whole for anything at fault in it. Here it is taken as it is (metadata.ts).
 * - Records are sent in requests of our own, over its connections: its producer repeats what it should not, and copies a record many times.
 */
import { createRequire } from "node:module";
import type { Batch, KafkaMessage, Logger } from "kafkajs";

const require = createRequire(import.meta.url);

/** The version these notes are about. */
export const VERSION = "2.2.4";
export const installedVersion = (): string => (require("kafkajs/package.json") as { version: string }).version;

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly inflight: ReadonlyMap<number, { readonly sentAt: number; readonly requestTimeout: number; timeoutRequest(): void }>;
  readonly enforceRequestTimeout: boolean;
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  requestTimeoutIntervalId: NodeJS.Timeout | undefined;
  isConnected(): boolean;
  destroy(): void;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
  scheduleRequestTimeoutCheck(): void;
}

const CHECK_PENDING_MS = 10;
/** Requests may take many seconds here; kafkajs looks ten times in each. */
const CHECK_TIMEOUTS_MS = 1_000;

function scheduleOnlyWhenPending(this: RequestQueue): void {
  if (this.throttleCheckTimeoutId || this.pending.length === 0) return;
  const throttledMs = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    throttledMs > 0 ? throttledMs : CHECK_PENDING_MS,
  );
}

function checkTimeoutsSeldom(this: RequestQueue): void {
  if (!this.enforceRequestTimeout) return;
  this.destroy();
  this.requestTimeoutIntervalId = setInterval(() => {
    const nowMs = Date.now();
    for (const request of this.inflight.values()) if (nowMs - request.sentAt > request.requestTimeout) request.timeoutRequest();
    if (!this.isConnected()) this.destroy();
  }, CHECK_TIMEOUTS_MS);
}

export const requestQueue = (): { readonly prototype: RequestQueue } => require("kafkajs/src/network/requestQueue");

export function calmRequestQueue(): void {
  const { prototype } = requestQueue();
  prototype.scheduleCheckPendingRequests = scheduleOnlyWhenPending;
  prototype.scheduleRequestTimeoutCheck = checkTimeoutsSeldom;
}

export interface FetchAsked {
  readonly maxWaitTime: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolationLevel: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string; readonly maxBytes: number }[];
  }[];
  /** Of a consumer, which has one even if it is empty. */
  readonly rackId?: string;
}

export interface FetchedPartition {
  readonly partition: number;
}

export interface FetchAnswer {
  readonly responses: readonly { readonly topicName?: string; readonly partitions: readonly FetchedPartition[] }[];
}

/** A record set, its size before it. */
export const messagesIn = (records: Buffer): Promise<readonly unknown[]> => {
  const Decoder = require("kafkajs/src/protocol/decoder");
  return require("kafkajs/src/protocol/requests/fetch/v4/decodeMessages")(new Decoder(records));
};

/** Throws what kafkajs throws for a partition that was answered with an error. */
export const refuseFaulty = (answer: FetchAnswer): Promise<unknown> =>
  require("kafkajs/src/protocol/requests/fetch/v1/response").parse(answer);

export const brokerClass = (): { readonly prototype: Broker } => require("kafkajs/src/broker");

/** The offset that the fetch asked for; its first record may be a later one, where the broker keeps marks of transactions between. */
export const fetchedFrom = (batch: Batch): number => Number((batch as Batch & { readonly fetchedOffset: string }).fetchedOffset);

interface PartitionOffsets {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
}

/** What a connection takes for the body of a request: nothing but an encoder. */
export interface Body {
  readonly buffer: Buffer;
}

export function bodyOf(bytes: Buffer): Body {
  const Encoder = require("kafkajs/src/protocol/encoder");
  return Object.assign(new Encoder(0), { buf: bytes, offset: bytes.length });
}

/** As a connection takes it. */
export interface ProtocolRequest<Answer, Decoded = { readonly answers: Answer; readonly clientSideThrottleTime: number }> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    expectResponse(): boolean;
    /** What stands behind the request's head: bodyOf. */
    encode(): Promise<Body>;
  };
  readonly response: { decode(answer: Buffer): Promise<Decoded>; parse(decoded: Decoded): Promise<Answer> };
  readonly requestTimeout?: number;
}

/** What the code in an answer means; its `type` is Kafka's name for it. */
export const protocolError = (code: number): Error => require("kafkajs/src/protocol/error").createErrorFromCode(code);

export interface Broker {
  /** Of each request by its key; known once it has been connected to. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>>;
  disconnect(): Promise<void>;
  readonly connectionPool: { send<Answer, Decoded>(request: ProtocolRequest<Answer, Decoded>): Promise<Answer> };
  fetch(asked: FetchAsked): Promise<FetchAnswer>;
  offsetFetch(request: {
    readonly groupId: string;
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number }[] }[];
  }): Promise<{ readonly responses: readonly PartitionOffsets[] }>;
  describeGroups(request: { readonly groupIds: readonly string[] }): Promise<{
    readonly groups: readonly { readonly members: readonly { readonly memberMetadata: Buffer }[] }[];
  }>;
}

/** What knows the brokers, the leaders and the coordinators, and forgets none of it until it is told to refresh. */
export interface Cluster {
  readonly brokerPool: { findConnectedBroker(): Promise<Broker> };
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  /** Empty for a topic that is not known; a leader of -1 is nobody. */
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>;
  findBroker(broker: { nodeId: string }): Promise<Broker>;
  findGroupCoordinator(group: { groupId: string }): Promise<Broker>;
  fetchTopicsOffset(
    topics: readonly {
      readonly topic: string;
      readonly fromBeginning: boolean;
      readonly partitions: readonly { readonly partition: number }[];
    }[],
  ): Promise<readonly PartitionOffsets[]>;
}

export interface ClusterNeeds {
  readonly logger: Logger;
  readonly brokers: () => string[];
  readonly clientId: string;
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
  readonly enforceRequestTimeout: boolean;
  readonly metadataMaxAge: number;
  readonly allowAutoTopicCreation: boolean;
  readonly retry: { readonly retries: number; readonly initialRetryTime: number; readonly maxRetryTime: number };
  readonly ssl?: unknown;
  readonly sasl?: unknown;
}

type ClusterClass = { readonly prototype: Cluster } & (new (needs: ClusterNeeds & { socketFactory: unknown }) => Cluster);
export const clusterClass = (): ClusterClass => require("kafkajs/src/cluster");

export interface BrokerPool {
  readonly metadata: {
    readonly topicMetadata: readonly {
      readonly topicErrorCode: number;
      readonly partitionMetadata: readonly { readonly partitionErrorCode: number }[];
    }[];
  } | null;
  /** When it is asked for again; null: at once. */
  metadataExpireAt: number | null;
  refreshMetadata(topics: readonly string[]): Promise<void>;
}

export const brokerPoolClass = (): { readonly prototype: BrokerPool } => require("kafkajs/src/cluster/brokerPool");

/** How answers about topics and leaders are taken, for each version that kafkajs speaks. */
export const metadataAnswers = (): readonly { parse(said: unknown): Promise<unknown> }[] =>
  Object.keys(require("kafkajs/src/protocol/requests/metadata").versions).map((version) =>
    require(`kafkajs/src/protocol/requests/metadata/v${version}/response`),
  );

export function openCluster(needs: ClusterNeeds): Cluster {
  return new (clusterClass())({ ...needs, socketFactory: require("kafkajs/src/network/socketFactory")() });
}

interface ReadBatch {
  readonly rawMessages: readonly unknown[];
  /** Without transactions' marks and what was rolled back, which `lastOffset` counts. */
  readonly messages: readonly KafkaMessage[];
  lastOffset(): string;
}

export function batchOf(topic: string, from: number, data: FetchedPartition): ReadBatch {
  const BatchClass = require("kafkajs/src/consumer/batch");
  return new BatchClass(topic, String(from), data);
}
