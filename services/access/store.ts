/**
 * Environments and the keys to them, as a port. Its suite is store.suite.ts.
 *
 * What a write has answered survives a power loss, but for the times of last use. Times are epoch milliseconds; 0 stands for never. No key
 * is ever deleted: a store that had one once is not a new one.
 */
import type { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import type { Scope } from "#gen/carillon/access/v1/options_pb.ts";

export interface EnvironmentRecord {
  readonly name: string;
  readonly kind: EnvironmentKind;
  /** Its admin keys make the other environments. */
  readonly home: boolean;
  readonly createdAtMs: number;
}

export interface NewKey {
  /** Unique. */
  readonly prefix: string;
  readonly hash: Uint8Array;
  readonly environment: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export interface KeyRecord extends NewKey {
  readonly revokedAtMs: number;
  readonly lastUsedAtMs: number;
}

export interface AccessStore {
  /** "full": there are `most` already. */
  createEnvironment(environment: EnvironmentRecord, most: number): Promise<"made" | "taken" | "full">;
  findEnvironment(name: string): Promise<EnvironmentRecord | undefined>;
  /** By name. */
  listEnvironments(): Promise<readonly EnvironmentRecord[]>;
  /** Where no key was ever made: makes the environment, if it is not there, a home, and the key. False: nothing was done. */
  createFirst(environment: EnvironmentRecord, key: NewKey): Promise<boolean>;
  /** False: the environment has `most` keys that are neither revoked nor expired. */
  createKey(key: NewKey, most: number): Promise<boolean>;
  findKey(prefix: string): Promise<KeyRecord | undefined>;
  /** Newest first: those that have not ended before `sinceMs`. */
  listKeys(environment: string, sinceMs: number, limit: number): Promise<readonly KeyRecord[]>;
  /**
   * Makes `key` and lets the one of `prefix` end at `endsAtMs`, unless it ends earlier by itself; both or neither. "ended": the old one
   * has ended by `key.createdAtMs`, or never was.
   */
  replaceKey(prefix: string, endsAtMs: number, key: NewKey, most: number): Promise<"replaced" | "ended" | "full">;
  /** What was revoked earlier keeps its time. */
  revokeKey(prefix: string, nowMs: number): Promise<void>;
  /** Keeps the later time. May be forgotten by a power loss. */
  touchKey(prefix: string, usedAtMs: number): Promise<void>;
}
