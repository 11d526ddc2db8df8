/**
 * The ledger's rules, pure: what a try is answered, and what becomes of an entry. Both embedded adapters run these; a script of another
 * store has to agree with them, which the suite sees to.
 */
import type { Barred, Extension, Hold, Intent, Progress, SendState, Settled, SettledState, Try } from "./ledger.ts";

/** Longer than the log can deliver a record again. */
export const KEPT_MS = 8 * 24 * 3_600_000;

/** What is known of one send (environment, delivery, cycle, target). `attempt` and `wait` are the lease's, or the next record's once released. */
export interface Entry extends Progress {
  readonly state: Exclude<SendState, "malformed">;
  readonly worker: string;
  /** The end of the lease; once it is over, when it came to that. */
  readonly untilMs: number;
}

const settledStates: ReadonlySet<string> = new Set<SettledState>([
  ...(["sent", "failed", "dead", "expired", "unresolved", "canceled", "suppressed", "erased"] as const),
]);
export const isSettledState = (word: string | undefined): word is SettledState => word !== undefined && settledStates.has(word);

interface Answer {
  readonly intent: Intent;
  readonly entry?: Entry;
}

/** How long it is remembered that somebody is no longer suppressed: what was said before may still be on its way. */
export const LIFTED_KEPT_MS = 3_600_000;

/** The answer to a try, and the entry as it is from then on where it changed. */
export function answer(known: Entry | undefined, asked: Try, barred: Barred | undefined, nowMs: number): Answer {
  const given = answerUnlessBarred(known, asked, nowMs);
  const ended = barred ?? (asked.atMostOnce && given.intent.is === "unknown" ? "unresolved" : undefined);
  if (!ended || !given.entry) return given;
  return { intent: { is: ended, atMs: nowMs }, entry: { ...given.entry, state: ended, untilMs: nowMs } };
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
      // Of a newer version, or damaged: to take it for an end would be a guess.
      if (!isSettledState(known.state)) return { intent: { is: "malformed", detail: UNREADABLE } };
      return { intent: { is: "settled", state: known.state, by, atMs: known.untilMs } };
  }
}

/** What is told of an entry that cannot be read. The entry itself names a worker and times, which help nobody. */
export const UNREADABLE = "the ledger keeps a state of this send that this version does not know";

/** What becomes of a lease that is to live on, and the entry as it is from then on where it does. */
export function extended(
  known: Entry | undefined,
  { worker, leaseMs }: Extension,
  barred: Barred | undefined,
  nowMs: number,
): { readonly hold: Hold; readonly entry?: Entry } {
  if (known?.state !== "leased" || known.worker !== worker) return { hold: "lost" };
  return { hold: barred ?? "held", entry: { ...known, untilMs: Math.max(known.untilMs, nowMs + leaseMs) } };
}

/** Whether a result is known from now on, or was already, and the entry where it changes. */
export function settled(
  known: Entry | undefined,
  { worker, state, atMs }: Pick<Settled, "worker" | "state" | "atMs">,
): { readonly taken: boolean; readonly entry?: Entry } {
  const next = typeof state === "string" ? undefined : state.released;
  const word = typeof state === "string" ? state : "released";
  // Told again: the answer to the first time was lost.
  if (known?.state === word && known.untilMs === atMs && (!next || same(known, next))) return { taken: true };
  if (known?.state !== "leased" || known.worker !== worker || (next && !older(known, next))) return { taken: false };
  return { taken: true, entry: { ...known, ...next, state: word, untilMs: atMs } };
}

const same = (a: Progress, b: Progress) => a.attempt === b.attempt && a.wait === b.wait;
const older = (a: Progress, b: Progress) => (a.attempt === b.attempt ? a.wait < b.wait : a.attempt < b.attempt);
