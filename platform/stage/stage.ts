/**
 * A stage is the one shape for everything that consumes the log. The runner beside it owns the loop; a stage owns a batch.
 *
 * A stage settles every record of a batch with `done` or `bury` before `handle` resolves; a record left unsettled is an error and comes
 * again. What `handle` throws is taken as "not now": the unsettled records come again after a pause. Repeats are normal: ids derive.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Reason } from "#domain/reasons.ts";
import type { Topic } from "#domain/topics.ts";
import type { Handling, Way } from "#domain/way.ts";
import type { LogRecord, Output } from "#platform/log/log.ts";
import type { Span } from "#platform/telemetry/trace.ts";

export interface Received<In> {
  readonly record: LogRecord;
  readonly value: In;
  /** What every output of this record is given, and what other things done for it should be given. */
  readonly traceparent?: string | undefined;
  /** The runner's span of this record, where its trace is recorded. */
  readonly span?: Span | undefined;
}

/** What there is to say of a record that is given up, beside the reason. */
export interface Because extends Pick<Handling, "cycle" | "attempt" | "provider"> {
  readonly detail: string;
  /** What was met with in this handling before that. */
  readonly way?: Way | undefined;
}

export interface Batch<In> {
  /** In offset order within each partition. */
  readonly records: readonly Received<In>[];
  /** Aborts when the work should stop: the assignment is lost, or the drain's patience ends. */
  readonly signal: AbortSignal;
  done(received: Received<In>, ...outputs: Output[]): void;
  /** Gives up on a record: the whole original goes to the stage's dead-letter topic, with the reason. Further outputs go along. */
  bury(received: Received<In>, reason: Reason, detail?: string | Because, ...outputs: Output[]): void;
  /** Says that the batch waits on purpose (a due time, a token), so that the watchdog does not take it for a standstill. */
  waiting(untilMs: number): void;
}

export interface Stage<In = unknown> {
  /** Also the consumer group's name. */
  readonly name: string;
  readonly reads: readonly Topic[];
  readonly writes: readonly Topic[];
  /** Where buried records go. */
  readonly deadLetters: Topic;
  /** Decoded value of a record; throws on poison, which is then buried. Default: Protobuf of the topic's schema. */
  decode?(record: LogRecord): In;
  /** At most one record of a key is in flight, in order; for stages whose effects must keep the order. Default: a batch may hold several, in order. */
  readonly oneInFlightPerKey?: boolean;
  /** Records handed out and not yet settled, at most. Default 1,000. */
  readonly window?: number;
  /** Records a batch, at most. Default 250. */
  readonly batchSize?: number;
  /** `handle` calls at the same time, at most. Default 1. */
  readonly concurrency?: number;
  /** How long its records may wait for others to come, where the log saves work by that: for what nobody waits for. */
  readonly gatherMs?: number;
  /** Topics served before others, by weight; default: all alike. */
  readonly weights?: ReadonlyMap<Topic, number>;
  handle(batch: Batch<In>): Promise<void>;
  /**
   * What goes along with a record that the runner gives up on by itself: one that cannot be decoded (`value` is undefined), that failed
   * every time, or whose outputs are too large. Cheap, and never throws; if it does all the same, the record is buried without.
   */
  givenUp?(record: LogRecord, value: In | undefined, reason: Reason, detail: string): readonly Output[];
}

export type StageOf<D extends DescMessage> = Stage<MessageShape<D>>;
