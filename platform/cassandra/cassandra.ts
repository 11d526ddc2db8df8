/**
 * Cassandra, for the stores of the mesh form: prepared statements at LOCAL_QUORUM, a bounded number of them under way, each with a deadline.
 *
 * A store has two files: `x.cql` (named statements, and migrations as `schema-1`, `schema-2`, …) and `x.cassandra.ts` (the adapter).
 * A migration's statements are run one by one and may be run again after half of them: `IF NOT EXISTS` on each.
 *
 * Text and bytes are answered as they are, an int as a number, a bigint as a BigInt (and is given as one).
 * No statement has a write timestamp of its own. Clocks of several clients differ, so no row is written again after it was deleted,
 * except where every write of its partition is a conditional one.
 */
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Clock } from "#platform/clock.ts";
import type { Readiness } from "#platform/telemetry/health.ts";

export interface CassandraOptions {
  /** host or host:port (9042) of some of the hosts; the others are found through them. */
  readonly contactPoints: readonly string[];
  /** Whose hosts are spoken to, and whose quorum decides. */
  readonly localDataCenter: string;
  readonly keyspace: string;
  /** Makes the keyspace where there is none, with so many copies in the local data center. Default: it must be there. */
  readonly createWithReplicas?: number;
  /** Over TLS, and only with certificates that Node trusts and that are valid for the hosts. Default: false. */
  readonly tls?: boolean;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** For one request, its waiting for a turn and its second try included. Default 10000. */
  readonly deadlineMs?: number;
  /** Requests under way at once; more wait for their turn. Default 256. */
  readonly mostRequests?: number;
}

export interface CassandraNeeds extends CassandraOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: nobody is told. */
  readonly metrics?: Registry;
  /** Ends the waiting for a cluster that is not there. */
  readonly signal?: AbortSignal;
}

export type Param = string | number | bigint | Uint8Array | null | readonly string[];
export type Row = Readonly<Record<string, string | number | bigint | Uint8Array | null>>;

/** A named statement and what is bound to it, in order. */
export interface Asked {
  readonly name: string;
  readonly params: readonly Param[];
}

/**
 * What became of a conditional write. unknown: no answer came; it may be done, or be done yet, until a serial read of the partition has
 * decided it.
 */
export type Swapped = "done" | "refused" | "unknown";

/** The named statements of one .cql file. What the cluster cannot do now, or does not answer, is Problem STORE_UNAVAILABLE. */
export interface Cql {
  /** All rows. `serial`: as conditional writes see it, those under way decided first. */
  read(name: string, params: readonly Param[], options?: { readonly serial?: boolean }): Promise<readonly Row[]>;
  /** The same when done twice: sent again where an answer is lost. All or none of each partition. */
  write(writes: readonly Asked[]): Promise<void>;
  /** Names the host that has this partition first, as far as is known: what hosts share is not worth a request of its own. */
  homeOf(partition: readonly Param[]): string;
  /** Of one partition, one of them with a condition: all of them, if it holds. Never sent twice. */
  swap(writes: readonly Asked[]): Promise<Swapped>;
}

export interface Cassandra {
  /** Runs the migrations that this keyspace has not seen. Rejects with a sentence where that cannot be. */
  cql(file: URL): Promise<Cql>;
  health(): Readiness;
  close(): Promise<void>;
}
