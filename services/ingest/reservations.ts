/**
 * What ingest remembers of a request it took, as a port: enough to answer the same key the same way, and to answer a read until the
 * tracker's history has caught up. Kept 24 h. Its suite is reservations.suite.ts.
 *
 * A reservation is not an acknowledgement: until it is marked accepted, its record may not be in the log, and a repeat appends it again.
 */
export const KEPT_MS = 24 * 3_600_000;

export interface Reservation {
  readonly environment: string;
  readonly notificationId: string;
  /** Hash of the caller's fields; empty without an idempotency key. */
  readonly hash: string;
  /** carillon.event.v1.NotificationRequested, encoded: what a repeat appends and what a read answers. */
  readonly requested: Uint8Array;
  /** The record's key in the log. */
  readonly key: string;
  readonly acceptedAtMs: number;
  readonly accepted: boolean;
}

export interface Reservations {
  /** Set if absent. Answers the earlier reservation of the same id, one per item and in order. */
  reserve(items: readonly Reservation[]): Promise<readonly (Reservation | undefined)[]>;
  markAccepted(environment: string, notificationIds: readonly string[]): Promise<void>;
  get(environment: string, notificationId: string): Promise<Reservation | undefined>;
  /** Forgets up to `limit` that were taken before `beforeMs`; answers how many. Absent where they end by themselves. */
  readonly forget?: (beforeMs: number, limit: number) => Promise<number>;
}
