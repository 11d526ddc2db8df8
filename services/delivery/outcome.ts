/**
 * What follows from the outcome of a try: the delivery ends, or waits for another try. Pure; times are epoch milliseconds.
 *
 * An attempt is what reached the provider and was refused for this message, or may have been sent: each leaves one try fewer, so that a
 * server that never answers cannot be handed the same mail for days. An outage burns none. No wait reaches past the expiry.
 *
 * A try that comes within the person's quiet hours waits until they end, whatever brought it there: a retry, an outage, a lane that was
 * behind. So it is asked when a try is about to begin, and nowhere else.
 */
import { type QuietHours, quietUntil } from "#domain/decide/quiet-hours.ts";
import { outageWait, retryAfter, roundUpToTier } from "#domain/decide/retry.ts";
import type { Reason } from "#domain/reasons.ts";
import type { Progress, SettledState } from "#platform/ledger/ledger.ts";
import type { Outcome } from "./sender.ts";

export interface Ended {
  readonly is: SettledState;
  readonly reason: Reason;
  /** The attempt that this ends, counted from 1; 0: no attempt was made. */
  readonly attempt: number;
  /** The try that ended it. */
  readonly by: Progress;
}

export interface Deferred {
  readonly is: "deferred";
  readonly reason: Reason;
  readonly attempt: number;
  /** How far the next record will have come. */
  readonly next: Progress;
  readonly dueAtMs: number;
}

/** A delivery as far as this is concerned. */
export interface Waiting extends Progress {
  readonly deliveryId: string;
  readonly expiresAtMs: number;
  /** Absent: there are none to heed. */
  readonly quietHours?: QuietHours | undefined;
  /** IANA. */
  readonly timeZone: string;
  readonly atMostOnce: boolean;
}

/** A try that must not begin now. */
export type Held = Expired | Deferred;
type Expired = Ended & { readonly is: "expired" };

export const expired = (by: Progress, attempt = 0): Expired => ({ is: "expired", reason: "expired", attempt, by });

/** No try can be made of it, or none that comes to an end. */
export const givenUp = ({ attempt, wait }: Progress, reason: Reason): Ended => ({ is: "dead", reason, attempt: 0, by: { attempt, wait } });

/** What becomes of a try that must not begin now; undefined: it may. */
export function heldBack({ attempt, wait, expiresAtMs, quietHours, timeZone }: Waiting, nowMs: number): Held | undefined {
  const by = { attempt, wait };
  if (nowMs >= expiresAtMs) return expired(by);
  const dueAtMs = quietHours && quietUntil(quietHours, timeZone, nowMs);
  if (dueAtMs === undefined) return undefined;
  if (dueAtMs >= expiresAtMs) return { ...expired(by), reason: "expires_in_quiet_hours" };
  return { is: "deferred", reason: "quiet_hours", attempt: 0, next: { attempt, wait: wait + 1 }, dueAtMs };
}

/** `leaseUntilMs`: until then nobody can start another try of a send whose outcome is not known. */
export function follow(
  outcome: Outcome,
  delivery: Waiting,
  { maxRetryCount, nowMs, leaseUntilMs }: { maxRetryCount: number; nowMs: number; leaseUntilMs: number },
): Ended | Deferred {
  const attempt = delivery.attempt + 1;
  const by = { attempt: delivery.attempt, wait: delivery.wait };
  if (outcome.is === "accepted") return { is: "sent", reason: "accepted_by_provider", attempt, by };
  if (outcome.is === "rejected") return { is: "failed", reason: "refused_by_provider", attempt, by };
  if (outcome.is === "outage") {
    const dueAtMs = nowMs + Math.max(outageWait(delivery), askedFor(outcome));
    const next = { attempt: delivery.attempt, wait: delivery.wait + 1 };
    return dueAtMs < delivery.expiresAtMs ? { is: "deferred", reason: "provider_unavailable", attempt: 0, next, dueAtMs } : expired(by);
  }
  if (outcome.is === "unknown" && delivery.atMostOnce) return { is: "unresolved", reason: "send_unresolved_once", attempt, by };
  const delayMs = retryAfter(attempt, maxRetryCount);
  if (delayMs === undefined) return { is: "dead", reason: "attempts_exhausted", attempt, by };
  const next = { attempt, wait: 0 };
  if (outcome.is === "unknown")
    return { is: "deferred", reason: "outcome_unknown", attempt, next, dueAtMs: Math.max(leaseUntilMs, nowMs + delayMs) };
  const dueAtMs = nowMs + Math.max(delayMs, askedFor(outcome));
  return dueAtMs < delivery.expiresAtMs ? { is: "deferred", reason: "temporarily_refused", attempt, next, dueAtMs } : expired(by, attempt);
}

const askedFor = ({ afterMs }: { readonly afterMs?: number }): number => (afterMs === undefined ? 0 : roundUpToTier(afterMs));

/** Put off before it was tried, for a reason that is not its own. Undefined: it would have expired by then. */
export function putOff({ attempt, wait, expiresAtMs }: Waiting, reason: Reason, dueAtMs: number): Deferred | undefined {
  if (dueAtMs >= expiresAtMs) return undefined;
  return { is: "deferred", reason, attempt: 0, next: { attempt, wait: wait + 1 }, dueAtMs };
}

/** Somebody's lease lives: one wake-up when it ends. */
export const afterLease = ({ attempt, wait }: Progress, untilMs: number): Deferred => ({
  is: "deferred",
  reason: "lease_held",
  attempt: 0,
  next: { attempt, wait: wait + 1 },
  dueAtMs: untilMs,
});

/** What keeps its intent does not answer. Past its expiry too: its end is told there first. */
export const unasked = ({ attempt, wait }: Progress, dueAtMs: number): Deferred => ({
  is: "deferred",
  reason: "intent_unavailable",
  attempt: 0,
  next: { attempt, wait: wait + 1 },
  dueAtMs,
});

/** The wait that a released send began at that time, once more: as long as its plan, and to the same next record. */
export function waitAgain(delivery: Waiting, expected: Progress, atMs: number): Deferred {
  const refused = expected.wait === 0;
  const held = refused ? undefined : heldBack({ ...delivery, attempt: expected.attempt, wait: expected.wait - 1 }, atMs);
  if (held?.is === "deferred") return held;
  const waitMs = refused
    ? (retryAfter(expected.attempt, Number.POSITIVE_INFINITY) as number)
    : outageWait({ deliveryId: delivery.deliveryId, attempt: expected.attempt, wait: expected.wait - 1 });
  return {
    is: "deferred",
    reason: refused ? "temporarily_refused" : "provider_unavailable",
    attempt: refused ? expected.attempt : 0,
    next: expected,
    dueAtMs: atMs + waitMs,
  };
}

const endReasons = {
  sent: "accepted_by_provider",
  failed: "refused_by_provider",
  dead: "attempts_exhausted",
  unresolved: "send_unresolved_once",
} as const;

/** The end that the ledger knows of. */
export function endAgain(state: SettledState, { attempt, wait }: Progress): Ended {
  const by = { attempt, wait };
  if (state === "expired") return expired(by);
  if (state === "canceled" || state === "suppressed" || state === "erased") return { is: state, reason: state, attempt: 0, by };
  return { is: state, reason: endReasons[state], attempt: by.attempt + 1, by };
}
