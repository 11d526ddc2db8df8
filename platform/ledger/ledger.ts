/**
 * The ledger, as a port: what was decided, and which send is under way. Its suite is ledger.suite.ts.
 *
 * - A decision is recorded once per notification and recipient: the first wins, for ever after the same answer.
 * - An intent is a lease on one send (delivery, cycle, target), timed by the ledger's own clock and durable before `intend` resolves.
 *   While it lives nobody else may send; once it has expired unsettled, whether the send happened is *unknown*.
 * - A settled state never changes.
 */
export interface Draft {
  readonly environment: string;
  readonly notificationId: string;
  /** User id, or `~uuid` of a bare address. */
  readonly recipient: string;
  /** carillon.event.v1.DecisionRecord, encoded. */
  readonly decision: Uint8Array;
}

export interface Decided {
  readonly decision: Uint8Array;
  /** False when an earlier record won. */
  readonly first: boolean;
}

export interface Try {
  readonly environment: string;
  readonly notificationId: string;
  readonly deliveryId: string;
  readonly cycle: number;
  readonly target: string;
  /** Attempts already refused, and waits so far: a record that is not newer than what the ledger knows is a repeat. */
  readonly attempt: number;
  readonly wait: number;
  /** Unique per process start: the lease's holder. */
  readonly worker: string;
  readonly leaseMs: number;
}

/**
 * - send: the lease is yours.
 * - settled: sent, failed or dead already.
 * - repeat: a newer (attempt, wait) of this delivery is known; drop this record.
 * - leased: somebody's lease lives until `untilMs`.
 * - unknown: a lease expired unsettled; the lease is yours now, and whether to send again is the caller's policy.
 */
export type Intent =
  | { readonly is: "send" }
  | { readonly is: "settled"; readonly state: SettledState }
  | { readonly is: "repeat" }
  | { readonly is: "leased"; readonly untilMs: number }
  | { readonly is: "unknown" };

export type SettledState = "sent" | "failed" | "dead" | "expired";

export interface Settled {
  readonly environment: string;
  readonly notificationId: string;
  readonly deliveryId: string;
  readonly cycle: number;
  readonly target: string;
  readonly worker: string;
  /** Terminal, or "released": the lease ends and (attempt, wait) of the next record are expected. */
  readonly state: SettledState | { readonly released: { readonly attempt: number; readonly wait: number } };
}

export interface Ledger {
  /** One answer per draft, in order. */
  decideOnce(drafts: readonly Draft[]): Promise<readonly Decided[]>;
  /** One answer per try, in order. */
  intend(tries: readonly Try[]): Promise<readonly Intent[]>;
  settle(results: readonly Settled[]): Promise<void>;
}
