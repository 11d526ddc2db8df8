/**
 * The history: every delivery event, as a port. Its suite is store.suite.ts.
 *
 * Events are kept whole and once per event id; everything that is told of a notification is derived from them when it is read.
 * Times are epoch milliseconds.
 */
export interface RecordedEvent {
  readonly environment: string;
  readonly notificationId: string;
  /** A repeat is recognised by it; the first one stays. */
  readonly eventId: string;
  readonly atMs: number;
  /** carillon.event.v1.DeliveryEvent, encoded. */
  readonly event: Uint8Array;
  /** With the event that carries the request: from then on the notification is listed. */
  readonly asked?: { readonly acceptedAtMs: number; readonly sendAtMs: number; readonly userIds: readonly string[] };
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

export interface HistoryStore {
  /** In any order, any number of times. */
  record(events: readonly RecordedEvent[]): Promise<void>;
  /** The events of each notification, in no order; none where nothing is known. One answer per id, in order. */
  eventsOf(environment: string, notificationIds: readonly string[]): Promise<readonly (readonly Uint8Array[])[]>;
  list(listing: Listing): Promise<readonly Place[]>;
  /** Forgets what was accepted, and had its sendAtMs, before `beforeMs`: at most about `limit` rows of it; answers how many. */
  sweep(beforeMs: number, limit: number): Promise<number>;
}
