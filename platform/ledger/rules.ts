/**
 * The ledger's rules, pure: what a try is answered, and what becomes of an entry. Both embedded adapters run these; a script of another
 * store has to agree with them, which the suite sees to.
 */
import type { Barred, Extension, Intent, Progress, SendState, Settled, Try } from "./ledger.ts";

/** Longer than the log can deliver a record again. */
export const KEPT_MS = 8 * 24 * 3_600_000;

/** What is known of one send (environment, delivery, cycle, target). `attempt` and `wait` are the lease's, or the next record's once released. */
export interface Entry extends Progress {
  readonly state: SendState;
  readonly worker: string;
  /** The end of the lease; once it is over, when it came to that. */
  readonly untilMs: number;
}

interface Answer {
  readonly intent: Intent;
  readonly entry?: Entry;
}

/** How long it is remembered that somebody is no longer suppressed: what was said before may still be on its way. */
export const LIFTED_KEPT_MS = 3_600_000;

/** The answer to a try, and the entry as it is from then on where it changed. */
export function answer(known: Entry | undefined, asked: Try, barred: Barred | undefined, nowMs: number): Answer {
  const given = answerUnlessBarred(known, asked, nowMs);
  if (!barred || !given.entry) return given;
  return { intent: { is: barred, atMs: nowMs }, entry: { ...given.entry, state: barred, untilMs: nowMs } };
}

function answerUnlessBarred(known: Entry | undefined, asked: Try, nowMs: number): Answer {
  const { attempt, wait, worker, leaseMs } = asked;
  const entry: Entry = { state: "leased", attempt, wait, worker, untilMs: nowMs + leaseMs };
  if (!known) return { intent: { is: "send" }, entry };
  const by = { attempt: known.attempt, wait: known.wait };
  switch (known.state) {
    case "released":
      return older(asked, by) ? { intent: { is: "repeat", expected: { ...by, atMs: known.untilMs } } } : { intent: { is: "send" }, entry };
    case "leased":
      if (older(asked, by)) return { intent: { is: "repeat" } };
      return nowMs < known.untilMs ? { intent: { is: "leased", untilMs: known.untilMs } } : { intent: { is: "unknown" }, entry };
    default:
      return { intent: { is: "settled", state: known.state, by, atMs: known.untilMs } };
  }
}

/** The entry once extended; undefined where the lease is not (or no longer) this worker's. */
export function extendedEntry(known: Entry | undefined, { worker, leaseMs }: Extension, nowMs: number): Entry | undefined {
  if (known?.state !== "leased" || known.worker !== worker) return undefined;
  return { ...known, untilMs: Math.max(known.untilMs, nowMs + leaseMs) };
}

/** The entry once settled; undefined where the lease is not (or no longer) this worker's, or is a later one than the release is of. */
export function settledEntry(
  known: Entry | undefined,
  { worker, state, atMs }: Pick<Settled, "worker" | "state" | "atMs">,
): Entry | undefined {
  if (known?.state !== "leased" || known.worker !== worker) return undefined;
  if (typeof state === "string") return { ...known, state, untilMs: atMs };
  return older(known, state.released) ? { ...known, ...state.released, state: "released", untilMs: atMs } : undefined;
}

const older = (a: Progress, b: Progress) => (a.attempt === b.attempt ? a.wait < b.wait : a.attempt < b.attempt);
