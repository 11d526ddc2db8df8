/**
 * Dead letters, as a port: kept once, settled once, forgotten in time; and the replays of what a filter finds (replays.ts). Its suites are
 * store.suite.ts and replays.suite.ts. Times are epoch milliseconds.
 */
import type { Channel, Way } from "#gen/carillon/common/v1/common_pb.ts";
import type { Place } from "#platform/page.ts";
import type { OpenReplay, Replay, Stretch } from "./replays.ts";

export type State = "kept" | "replayed" | "discarded";

/** What is told of a dead letter without opening it. */
export interface Summary {
  readonly id: string;
  /** The topic that holds it. */
  readonly queue: string;
  readonly stage: string;
  readonly reason: string;
  readonly detail: string;
  readonly diedAtMs: number;
  /** The topic that it was read from. */
  readonly topic: string;
  /** Empty where it could not be read, as with the next three. */
  readonly notificationId: string;
  readonly deliveryId: string;
  readonly userId: string;
  readonly channel: Channel;
  /** 0: it had not become a delivery. */
  readonly cycle: number;
}

export interface Original {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Letter extends Summary {
  readonly environment: string;
  readonly original: Original;
  /** When the original had been written to its topic; 0: not told, as with the next, by who buried it. */
  readonly writtenAtMs: number;
  /** The end of its way. */
  readonly way: Way | undefined;
}

export interface Standing {
  readonly state: State;
  /** 0 while it is kept. */
  readonly settledAtMs: number;
}

/** An empty text does not narrow. */
export interface Filter {
  readonly state: State;
  readonly queue: string;
  readonly reason: string;
  readonly notificationId: string;
  readonly userId: string;
  readonly fromMs: number;
  /** Not included. */
  readonly toMs: number;
}

export interface Found extends Place {
  /** Of its original's value. */
  readonly bytes: number;
}

export interface DeadLetterStore {
  /** In any order, any number of times: the first of an id stays. */
  keep(letters: readonly Letter[]): Promise<void>;
  /** Newest first, those after the place: smaller by (diedAtMs, id). */
  list(environment: string, filter: Filter, after: Place, limit: number): Promise<readonly (Summary & Standing)[]>;
  /** The same from the other end: oldest first, those greater than the place. */
  oldest(environment: string, filter: Filter, after: Place, limit: number): Promise<readonly Found[]>;
  /** One answer per id, in order. */
  find(environment: string, ids: readonly string[]): Promise<readonly ((Letter & Standing) | undefined)[]>;
  /** Only what is kept is settled. Durable; answers the ids of those that this call settled. */
  settle(environment: string, ids: readonly string[], state: "replayed" | "discarded", nowMs: number): Promise<readonly string[]>;
  /** Forgets what died before, at most so many; answers how many. */
  sweep(beforeMs: number, limit: number): Promise<number>;

  /** Durable. One whose id is there already is answered as it is. Undefined: too many of the environment have not ended. */
  createReplay(replay: Replay): Promise<Replay | undefined>;
  findReplay(environment: string, id: string): Promise<Replay | undefined>;
  /** Newest first, those after the place: smaller by (createdAtMs, id). */
  listReplays(environment: string, after: Place, limit: number): Promise<readonly Replay[]>;
  /** Durable. Answers it as it is then; undefined: there is none. */
  cancelReplay(environment: string, id: string, nowMs: number): Promise<Replay | undefined>;
  /** Of all environments, in the order created. */
  openReplays(): Promise<readonly OpenReplay[]>;
  /** The next one whose turn it is, of any environment: the holder's alone until then. */
  takeReplay(holder: string, nowMs: number, heldUntilMs: number): Promise<Replay | undefined>;
  /**
   * Settles what a stretch settles and writes down how far the replay has come, in one. Undefined: it is not the holder's any more, or was
   * ended; what the stretch settles is settled all the same, for it is on its way.
   */
  advanceReplay(replay: Replay, holder: string, stretch: Stretch): Promise<Replay | undefined>;
  /** Forgets those that ended before, at most so many; answers how many. */
  sweepReplays(beforeMs: number, limit: number): Promise<number>;
}
