/**
 * The event log, as a port: topics of partitions, read by groups. Its suite is log.suite.ts.
 *
 * Every adapter keeps these rules:
 * - A record's partition is murmur2(key) modulo the topic's partitions; within a partition offsets count 0, 1, 2, … and order is append order.
 * - `append` resolves when every output is durable (fsynced, or acknowledged by all in-sync replicas); it rejects when that is not known.
 * - A group starts at the beginning of a partition it has no position for, and continues at its position otherwise.
 * - Co-partitioned: a member that holds partition p of one topic of the group holds p of all topics with that many partitions.
 * - An assignment has an epoch. Positions of an assignment that has been revoked are dropped; outputs never are.
 */
import type { Topic } from "#domain/topics.ts";

export interface Output {
  readonly topic: Topic;
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A record as read. `value` may be shared: do not write to it. */
export interface LogRecord {
  readonly topic: Topic;
  readonly partition: number;
  readonly offset: number;
  readonly timeMs: number;
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Assignment {
  readonly topic: Topic;
  readonly partition: number;
  /** Grows with every assignment of this partition in the group. */
  readonly epoch: number;
  /** The offset of the first record that will be delivered. */
  readonly position: number;
}

/** Everything before `next` is settled in this partition, as held under this epoch. */
export interface Position {
  readonly topic: Topic;
  readonly partition: number;
  readonly epoch: number;
  readonly next: number;
}

/** What a group member is told. The calls come in order and must not throw. */
export interface Member {
  /** How long records may wait for others to come, where that saves work. Default: as little as is worth it. */
  readonly gatherMs?: number | undefined;
  assigned(assignments: readonly Assignment[]): void;
  /** Settle nothing of these any more: another member may have them already. */
  revoked(assignments: readonly Assignment[]): void;
  /** Records of one assignment in offset order without a gap. After `pause` at most what was already on its way still comes. */
  deliver(assignment: Assignment, records: readonly LogRecord[]): void;
}

export interface Membership {
  /** Outputs durable enough that a crash of the process keeps them, then positions moved: one transaction where the adapter has them. */
  settle(outputs: readonly Output[], positions: readonly Position[]): Promise<void>;
  pause(assignment: Assignment): void;
  resume(assignment: Assignment): void;
  leave(): Promise<void>;
}

/** Reading without a group: for tools, tests and people. */
export interface LogReader {
  /** The first offset that is kept, and the one that the next record will get. */
  bounds(topic: Topic, partition: number): Promise<{ readonly start: number; readonly end: number }>;
  /** Records of one partition from an offset on, or from the first that is kept. */
  read(topic: Topic, partition: number, from: number, limit: number): Promise<readonly LogRecord[]>;
  close(): Promise<void>;
}

export interface EventLog extends LogReader {
  /** Other programs can read it and write to it. */
  readonly isPublic: boolean;
  append(outputs: readonly Output[]): Promise<void>;
  join(group: string, topics: readonly Topic[], member: Member): Promise<Membership>;
  /** Records between the group's positions and the end, per topic; for metrics and tests. */
  lag(group: string, topics: readonly Topic[]): Promise<number>;
}
