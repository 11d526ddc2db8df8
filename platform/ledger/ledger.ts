/**
 * The ledger, as a port: what was decided, and which send is under way. Its suite is ledger.suite.ts.
 *
 * - A decision is recorded once per notification and recipient: the first wins, for ever after the same answer. Only one that nobody can read,
 *   and of which no try was made, may be undecided.
 * - An intent is a lease on one send (delivery, cycle, target), timed by the ledger's own clock and durable before `intend` resolves.
 *   While it lives nobody else may send; once it has expired unsettled, whether the send happened is *unknown*.
 * - The holder itself is told `leased` as well: a record that comes again within one process cannot know whether the first try is still
 *   under way, and a lease is never prolonged by asking, so the wait for it ends at `untilMs` for everybody; who waits for its own answer
 *   says `extend`, and whoever waited for the lease meets it again.
 * - Only the lease's holder settles it, late or not, as long as nobody else has taken it over. What others say of it is dropped, and they are
 *   told so. A holder is one try, not a process: who stood still and wakes up is not taken for the try that came after it.
 * - A send that may happen at most once is told `unresolved` where another would be told `unknown`, and has ended with that. Its intent
 *   outlives whatever the ledger may lose.
 * - A settled state never changes. A higher cycle is a delivery of its own.
 * - A cancel is durable before `cancel` resolves, and no try of the notification is given a lease from then on, whichever delivery it is
 *   of. What held a lease by then, and what was settled, `statesOf` tells: nothing else was sent or will be.
 * - A suppression is durable before `suppress` resolves, and no try that reaches whom it names is given a lease from then on.
 * - An erasure is durable before `erase` resolves, and no try of what was accepted by then, and reaches whom it names, is given a lease.
 * - Decisions and sends are kept for 8 days past the last activity (the log's retention and a day), a cancel and an erasure for as long
 *   as they say, a suppression until it is lifted.
 */
export interface Draft {
  readonly environment: string;
  readonly notificationId: string;
  /** User id, or `~uuid` of a bare address. */
  readonly recipient: string;
  /** Bytes to the ledger: see decision.ts. */
  readonly decision: Uint8Array;
}

export interface Decided {
  /** Empty: there is an earlier one that cannot be read. */
  readonly decision: Uint8Array;
  /** False when an earlier record won. */
  readonly first: boolean;
  /** The notification has been canceled. */
  readonly canceled: boolean;
}

/** A decision that cannot be read, as it was found, and the deliveries that may be of it. */
export interface Unread extends Draft {
  readonly deliveryIds: readonly string[];
}

export interface Try extends Progress {
  readonly environment: string;
  readonly notificationId: string;
  readonly deliveryId: string;
  readonly cycle: number;
  readonly target: string;
  /** Whom it would reach: the names of reach.ts. */
  readonly reaches: readonly string[];
  /** When its notification was accepted. */
  readonly acceptedAtMs: number;
  /** The lease's holder: unique per try. */
  readonly worker: string;
  readonly leaseMs: number;
  /** Whoever cannot know how it ended does not send it again. The same for every try of a send. */
  readonly atMostOnce?: boolean;
}

/** How far a delivery has come: attempts refused, and waits so far. Newer is more attempts, else more waits. */
export interface Progress {
  readonly attempt: number;
  readonly wait: number;
}

/**
 * - send: the lease is yours.
 * - settled: it ended already, in the try that `by` names, at the time that was told. Whoever settled it may have died before its outputs
 *   were kept: make them again, as of that time.
 * - repeat: a newer (attempt, wait) of this delivery is known; drop this record. With `expected` the send was released, at the time that was
 *   told, and whoever did it may have died before the next record was kept: make that one again.
 * - leased: somebody's lease lives until `untilMs`.
 * - unknown: a lease expired unsettled; the lease is yours now, and whether to send again is the caller's policy.
 * - unresolved: it may happen at most once, and an earlier try of it had begun that nobody knows the end of. It has ended as that just now, and
 *   the next who asks is told `settled`.
 * - malformed: what is kept of it, or what was answered, cannot be read, as `detail` says. Nothing was changed.
 * - canceled, suppressed, erased: the notification is, or somebody whom the send reaches; it has ended as that just now, and the next who asks is
 *   told `settled`.
 */
export type Intent =
  | { readonly is: "send" }
  | { readonly is: "settled"; readonly state: SettledState; readonly by: Progress; readonly atMs: number }
  | { readonly is: "repeat"; readonly expected?: Progress & { readonly atMs: number } }
  | { readonly is: "leased"; readonly untilMs: number }
  | { readonly is: "unknown" }
  | { readonly is: Barred | "unresolved"; readonly atMs: number }
  | { readonly is: "malformed"; readonly detail: string };

/** Why no try may be made; of several the first. */
export type Barred = "canceled" | "suppressed" | "erased";

export type SettledState = "sent" | "failed" | "dead" | "expired" | "unresolved" | Barred;

/** Where one send stands. Malformed: what is kept of it cannot be read. */
export type SendState = "leased" | "released" | "malformed" | SettledState;

export interface Settled {
  readonly environment: string;
  readonly notificationId: string;
  readonly deliveryId: string;
  readonly cycle: number;
  readonly target: string;
  readonly worker: string;
  /**
   * Terminal, or "released": the lease ends and (attempt, wait) of the next record are expected, which is newer than the lease's. One that
   * is not is of an earlier lease, told again, and dropped.
   */
  readonly state: SettledState | { readonly released: Progress };
  /** When it came to that, by the worker's clock. */
  readonly atMs: number;
  /** As its try said. */
  readonly atMostOnce?: boolean;
}

/** A lease that is to live for `leaseMs` from now on; it never ends earlier than it was to end before. */
export interface Extension extends Omit<Settled, "state" | "atMs">, Pick<Try, "reaches" | "acceptedAtMs"> {
  readonly leaseMs: number;
}

/**
 * - held: it is still this holder's, as an expired one is until somebody takes it over.
 * - lost: it is not.
 * - canceled, suppressed, erased: it is still this holder's, who may have sent it; but no send of it may start any more.
 */
export type Hold = "held" | "lost" | Barred;

export interface Cancel {
  readonly environment: string;
  readonly notificationId: string;
  /** When it may be forgotten: nothing of the notification is sent any more. */
  readonly untilMs: number;
}

/** That nothing is sent to somebody any more, or that something may be again. */
export interface Suppressed {
  readonly environment: string;
  /** A name of reach.ts. */
  readonly whom: string;
  readonly suppressed: boolean;
  /** When it was said. Of what is said of one, the latest holds, in whatever order it is told; no two are of one time. */
  readonly atMs: number;
}

/** That somebody was erased: of what was accepted at `atMs` or before, nothing reaches them any more. */
export interface Erased {
  readonly environment: string;
  /** A name of reach.ts. */
  readonly whom: string;
  /** Of several the latest holds. */
  readonly atMs: number;
  /** When it may be forgotten: nothing that was accepted by then is on its way. */
  readonly untilMs: number;
}

/** What had been decided when the cancel was recorded; what is decided later is told that it is canceled. */
export type DecidedBefore = Pick<Draft, "recipient" | "decision">;

/** Of one notification. */
export interface Deliveries {
  readonly environment: string;
  readonly notificationId: string;
  readonly deliveryIds: readonly string[];
}

export interface Ledger {
  /** One answer per draft, in order. */
  decideOnce(drafts: readonly Draft[]): Promise<readonly Decided[]>;
  /**
   * Forgets a decision so that it is decided anew, where it is still as it was found and no try of these deliveries was made. Answers the one
   * that is recorded from then on, or undefined; an empty one as `decideOnce` does. Any number of times.
   */
  undecide(unread: Unread): Promise<Uint8Array | undefined>;
  /**
   * One answer per try, in order. `repeatable`: a repeat of these sends does no harm, so the leases need not outlive a power loss.
   */
  intend(tries: readonly Try[], options?: { readonly repeatable?: boolean }): Promise<readonly Intent[]>;
  /** One answer per lease, in order. Asked just before a send, it is as good as `intend`: what was barred by then is told. */
  extend(leases: readonly Extension[]): Promise<readonly Hold[]>;
  /** One answer per result, in order: whether it is what is known from now on, or was already. False: somebody else's is. */
  settle(results: readonly Settled[]): Promise<readonly boolean[]>;
  /** Any number of times. */
  cancel(cancel: Cancel): Promise<readonly DecidedBefore[]>;
  /** Any number of times. */
  suppress(suppressed: Suppressed): Promise<void>;
  /** Any number of times. */
  erase(erased: Erased): Promise<void>;
  /** When each was erased; 0: it is not known that they were. One answer per name, in order. */
  erasedAt(environment: string, whoms: readonly string[]): Promise<readonly number[]>;
  /** The states of each delivery's sends, of every cycle and target; none where no try was made. One answer per id, in order. */
  statesOf(of: Deliveries): Promise<readonly (readonly SendState[])[]>;
}
