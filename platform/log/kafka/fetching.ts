/**
 * Fetches of one consumer from one broker, as a session: the broker remembers which partitions are read and from where, so that a request
 * names only those that have moved, and an answer only those that have something. A consumer of thirty partitions at rest, or with little
 * to do, costs both sides a tenth of what it costs by naming all of them each time.
 *
 * https://cwiki.apache.org/confluence/display/KAFKA/KIP-227. Whatever goes wrong, the next request begins a session anew with everything.
 */
import { Out } from "./batches.ts";
import {
  type Broker,
  bodyOf,
  brokerClass,
  type FetchAnswer,
  type FetchAsked,
  type FetchedPartition,
  messagesIn,
  type ProtocolRequest,
  protocolError,
  refuseFaulty,
} from "./internals.ts";

const FETCH = { apiKey: 1, apiVersion: 11, apiName: "Fetch" } as const;
const NO_SESSION = 0;
/** Of a request that names everything. */
const FIRST_EPOCH = 0;
const LAST_EPOCH = 0x7fffffff;
/** The broker has forgotten the session, or takes it to be elsewhere. */
const SESSION_UNKNOWN = 70;
const SESSION_ASTRAY = 71;

const HEAD_BYTES = 64;
const TOPIC_BYTES = 6 + 249;
const PARTITION_BYTES = 4 + 4 + 8 + 8 + 4;
const NONE = -1;
const ON_THE_WAY_MS = 100;

/** Offsets by topic and partition. */
type Places = Map<string, Map<number, string>>;

interface Fetched extends FetchedPartition {
  readonly errorCode: number;
  readonly highWatermark: string;
  readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[];
  readonly preferredReadReplica: number;
  readonly messages: readonly unknown[];
}

interface Answered {
  readonly error: number;
  readonly session: number;
  readonly clientSideThrottleTime: number;
  readonly responses: FetchAnswer["responses"];
}

export class FetchSession {
  #session = NO_SESSION;
  #epoch = FIRST_EPOCH;
  /** What the broker has been told. */
  #told: Places = new Map();

  async fetch(send: (request: ProtocolRequest<Answered, Answered>) => Promise<Answered>, asked: FetchAsked): Promise<FetchAnswer> {
    const places = placesOf(asked);
    try {
      const { error, session, responses } = await send(this.#request(asked, places));
      if (error === SESSION_UNKNOWN || error === SESSION_ASTRAY) {
        this.#begin(error === SESSION_UNKNOWN ? NO_SESSION : this.#session);
        return { responses: [] };
      }
      if (error !== 0) throw protocolError(error);
      await refuseFaulty({ responses });
      this.#go(session, places);
      return { responses };
    } catch (error) {
      this.#begin(this.#session);
      throw error;
    }
  }

  /** The next request closes the session, if there is one, and begins another. */
  #begin(session: number): void {
    this.#session = session;
    this.#epoch = FIRST_EPOCH;
    this.#told = new Map();
  }

  #go(session: number, places: Places): void {
    // A broker that has no room for one more session says so by this.
    if (session === NO_SESSION) {
      this.#begin(NO_SESSION);
      return;
    }
    this.#session = session;
    this.#epoch = this.#epoch === LAST_EPOCH ? FIRST_EPOCH + 1 : this.#epoch + 1;
    this.#told = places;
  }

  #request(asked: FetchAsked, places: Places): ProtocolRequest<Answered, Answered> {
    const moved = without(places, this.#told, (offset, told) => offset !== told);
    const gone = without(this.#told, places, (_, still) => still === undefined);
    const buffer = encoded(asked, { session: this.#session, epoch: this.#epoch, moved, gone });
    return {
      request: { ...FETCH, expectResponse: () => true, encode: async () => bodyOf(buffer) },
      response: { decode: decoded, parse: async (answered) => answered },
      // Bounds it only where the wait is longer than any request's time.
      requestTimeout: asked.maxWaitTime + ON_THE_WAY_MS,
    };
  }
}

/** From now on consumers of this process do so. What reads a range of one partition goes on as before. */
export function fetchInSessions(): void {
  const { prototype } = brokerClass();
  const { fetch } = prototype;
  const sessions = new WeakMap<Broker, FetchSession>();
  prototype.fetch = async function (this: Broker, asked) {
    if (asked.rackId === undefined || (this.versions[FETCH.apiKey]?.maxVersion ?? 0) < FETCH.apiVersion) return fetch.call(this, asked);
    const session = sessions.get(this) ?? new FetchSession();
    sessions.set(this, session);
    try {
      return await session.fetch((request) => this.connectionPool.send(request), asked);
    } catch (error) {
      if ((error as Error).name === "KafkaJSConnectionClosedError") await this.disconnect();
      throw error;
    }
  };
}

function placesOf({ topics }: FetchAsked): Places {
  const places: Places = new Map();
  for (const { topic, partitions } of topics)
    places.set(topic, new Map(partitions.map(({ partition, fetchOffset }) => [partition, fetchOffset])));
  return places;
}

/** Of the first those that differ from what the second says. */
function without(first: Places, second: Places, differs: (one: string, other: string | undefined) => boolean): [string, number[]][] {
  const found: [string, number[]][] = [];
  for (const [topic, partitions] of first) {
    const others = second.get(topic);
    const its: number[] = [];
    for (const [partition, offset] of partitions) if (differs(offset, others?.get(partition))) its.push(partition);
    if (its.length > 0) found.push([topic, its]);
  }
  return found;
}

interface Session {
  readonly session: number;
  readonly epoch: number;
  readonly moved: readonly [string, readonly number[]][];
  readonly gone: readonly [string, readonly number[]][];
}

function encoded({ maxWaitTime, minBytes, maxBytes, isolationLevel, topics, rackId = "" }: FetchAsked, state: Session): Buffer {
  const count = [...state.moved, ...state.gone].reduce((sum, [, partitions]) => sum + partitions.length, 0);
  const out = new Out(
    HEAD_BYTES + Buffer.byteLength(rackId) + (state.moved.length + state.gone.length) * TOPIC_BYTES + count * PARTITION_BYTES,
  );
  // No replica.
  out.int32(NONE);
  out.int32(maxWaitTime);
  out.int32(minBytes);
  out.int32(maxBytes);
  out.int8(isolationLevel);
  out.int32(state.session);
  out.int32(state.epoch);
  out.int32(state.moved.length);
  for (const [topic, partitions] of state.moved) {
    const asked = topics.find((each) => each.topic === topic)?.partitions ?? [];
    out.string16(topic);
    out.int32(partitions.length);
    for (const { partition, fetchOffset, maxBytes } of asked) {
      if (!partitions.includes(partition)) continue;
      out.int32(partition);
      // The leader's epoch and the start of the log are not known here.
      out.int32(NONE);
      out.int64(Number(fetchOffset));
      out.int64(NONE);
      out.int32(maxBytes);
    }
  }
  out.int32(state.gone.length);
  for (const [topic, partitions] of state.gone) {
    out.string16(topic);
    out.int32(partitions.length);
    for (const partition of partitions) out.int32(partition);
  }
  out.string16(rackId);
  return out.written;
}

async function decoded(answer: Buffer): Promise<Answered> {
  let at = 0;
  const int32 = () => {
    at += 4;
    return answer.readInt32BE(at - 4);
  };
  const [clientSideThrottleTime, error, session] = [int32(), answer.readInt16BE(4), answer.readInt32BE(6)];
  at = 10;
  const responses: { topicName: string; partitions: Fetched[] }[] = [];
  for (let topics = int32(); topics > 0; topics--) {
    const nameEnd = at + 2 + answer.readInt16BE(at);
    const topicName = answer.toString("utf8", at + 2, nameEnd);
    at = nameEnd;
    const partitions: Fetched[] = [];
    for (let left = int32(); left > 0; left--) {
      const head = at;
      // Behind the partition, its error, the high watermark, the last stable offset and the start of the log.
      at += 4 + 2 + 8 + 8 + 8;
      const abortedTransactions: { producerId: string; firstOffset: string }[] = [];
      for (let aborted = int32(); aborted > 0; aborted--, at += 16)
        abortedTransactions.push({
          producerId: String(answer.readBigInt64BE(at)),
          firstOffset: String(answer.readBigInt64BE(at + 8)),
        });
      const preferredReadReplica = int32();
      const records = at;
      const size = int32();
      at += Math.max(0, size);
      const [partition, errorCode] = [answer.readInt32BE(head), answer.readInt16BE(head + 4)];
      if (size <= 0 && errorCode === 0) continue;
      const messages = await messagesIn(answer.subarray(records, at));
      const highWatermark = String(answer.readBigInt64BE(head + 6));
      partitions.push({ partition, errorCode, highWatermark, abortedTransactions, preferredReadReplica, messages });
    }
    if (partitions.length > 0) responses.push({ topicName, partitions });
  }
  return { clientSideThrottleTime, error, session, responses };
}
