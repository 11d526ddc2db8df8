/**
 * Where the embedded log keeps its records and positions, as a port of its own: the core in embedded.ts does everything else.
 *
 * One core owns a storage. Reading is synchronous and from this process only; writing is one transaction per `commit`.
 */
import type { Topic } from "#domain/topics.ts";
import type { LogRecord, Output } from "./log.ts";

/** Outputs of one partition that follow each other there. */
export interface Section {
  readonly topic: Topic;
  readonly partition: number;
  readonly outputs: readonly Output[];
}

export interface GroupPosition {
  readonly group: string;
  readonly topic: Topic;
  readonly partition: number;
  readonly next: number;
}

export interface Write {
  readonly timeMs: number;
  /** Wait for fsync. */
  readonly durable: boolean;
  /** At most one per partition. */
  readonly sections: readonly Section[];
  readonly positions: readonly GroupPosition[];
}

/** What a step of retention did. */
export interface Forgotten {
  /** Per partition the first offset that was forgotten, and the one after the last. */
  readonly stretches: readonly { readonly topic: string; readonly partition: number; readonly from: number; readonly to: number }[];
  /** There may be more to forget. */
  readonly more: boolean;
}

export interface Storage {
  /** All of it or nothing; in the order called. Answers the offset of each section's first record. Positions never move backwards. */
  commit(write: Write): Promise<readonly number[]>;
  /** `start` is the first offset kept, `end` the next to be given. */
  bounds(topic: Topic, partition: number): { readonly start: number; readonly end: number };
  position(group: string, topic: Topic, partition: number): number | undefined;
  /** Committed records from the first kept offset at or after `from`; at least one if there is one, then within both limits. */
  read(topic: Topic, partition: number, from: number, limit: number, maxBytes: number): readonly LogRecord[];
  /** One bounded step of retention: forgets old records from the fronts of partitions. */
  forget(beforeMs: number): Promise<Forgotten>;
}
