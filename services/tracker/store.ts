/**
 * The history: every delivery event, and how many there were of each kind on each day, as a port. Its suites are store.suite.ts and
 * stats.suite.ts.
 *
 * Events are kept whole and once per event id; everything that is told of a notification is derived from them when it is read.
 * Times are epoch milliseconds; a day is a number of days since 1970-01-01, in UTC.
 */
import type { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";

export interface RecordedEvent {
  readonly environment: string;
  readonly notificationId: string;
  /** Events with one id are the same event, told again perhaps in other words: one of them stays, whichever. */
  readonly eventId: string;
  readonly atMs: number;
  /** carillon.event.v1.DeliveryEvent, encoded. */
  readonly event: Uint8Array;
  /** What it adds to the counts of the day of atMs. */
  readonly counted?: readonly Counted[];
  /** With the event that carries the request: from then on the notification is listed. */
  readonly asked?: { readonly acceptedAtMs: number; readonly sendAtMs: number; readonly userIds: readonly string[] };
}

/** A delivery came to a status. */
export interface Counted {
  /** The same in every repeat, and no other's of this channel and status. */
  readonly id: string;
  readonly channel: Channel;
  readonly status: DeliveryStatus;
}

export interface Days {
  readonly environment: string;
  readonly fromDay: number;
  /** Inclusive. */
  readonly toDay: number;
}

export interface DayCount {
  readonly day: number;
  readonly channel: Channel;
  readonly status: DeliveryStatus;
  readonly count: number;
}

/** A place in a list that runs from the newest to the oldest. */
export interface Place {
  readonly acceptedAtMs: number;
  readonly notificationId: string;
}

export interface Listing {
  readonly environment: string;
  /** Only those with this person among the recipients. */
  readonly userId?: string | undefined;
  readonly fromMs: number;
  /** What comes after this place, newest first: smaller by (acceptedAtMs, notificationId). */
  readonly after: Place;
  readonly limit: number;
}

/** What becomes of a notification's history when somebody is erased from it. */
export interface Redaction {
  readonly environment: string;
  readonly notificationId: string;
  readonly userId: string;
  /** Its place in the lists; undefined where the request is not known. */
  readonly acceptedAtMs: number | undefined;
  /** Whom else it was for. With nobody left it is in no list any more. */
  readonly others: readonly string[];
  readonly isEmpty: boolean;
  /** Ids of the events that go. */
  readonly gone: readonly string[];
  /** What stands in the place of the events with these ids. */
  readonly rewritten: readonly { readonly eventId: string; readonly event: Uint8Array }[];
}

export interface HistoryStore {
  /** In any order, any number of times. */
  record(events: readonly RecordedEvent[]): Promise<void>;
  /** The events of each notification, in no order; none where nothing is known. One answer per id, in order. */
  eventsOf(environment: string, notificationIds: readonly string[]): Promise<readonly (readonly Uint8Array[])[]>;
  /** Any number of times. What was counted stays. */
  redact(redactions: readonly Redaction[]): Promise<void>;
  list(listing: Listing): Promise<readonly Place[]>;
  /**
   * Each event id counts once; where an engine counts by the hour, a repeat that tells of another hour counts there too. What tells
   * of a time longer ago than the history is kept, or a day ahead, may go uncounted. In the order of day, channel and status.
   */
  stats(days: Days): Promise<readonly DayCount[]>;
  /**
   * Forgets what was accepted, and had its sendAtMs, before `beforeMs`: at most about `limit` rows of it; answers how many.
   * Absent where each row ends by itself, as long after it was written (or its sendAtMs) as the store was opened for.
   */
  readonly sweep?: (beforeMs: number, limit: number) => Promise<number>;
  /** Brings `stats` up to what was recorded before. Absent where it always is. */
  readonly recount?: () => Promise<void>;
}
