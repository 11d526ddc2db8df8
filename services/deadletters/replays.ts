/**
 * A replay of all that a filter finds, as it is kept: what was asked, how far it is, and whose turn it is. Pure. Times are epoch milliseconds.
 *
 * Replays of one environment that may be about the same dead letters, so of the same queue or of any, run one after the other: what has begun
 * first, then in the order created. Two at once would only get in each other's way; dead letters would be delivered once all the same, since a
 * replay is derived.
 */
import type { Place } from "#platform/page.ts";
import type { Filter } from "./store.ts";

export interface Asked {
  readonly action: "replay" | "discard";
  readonly filter: Filter;
  readonly ratePerSecond: number;
}

export interface Progress {
  /** 0: it has not begun. */
  readonly startedAtMs: number;
  readonly matched: number;
  /** Replayed, or discarded. */
  readonly settled: number;
  /** By reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** Settled by somebody else, or forgotten, since it began. */
  readonly gone: number;
  /** Up to here it has gone through them. */
  readonly place: Place;
  /** An error's reason, while it stands still for it; else empty. */
  readonly trouble: string;
}

export type ReplayState = "waiting" | "running" | "done" | "canceled";

export interface Replay {
  readonly environment: string;
  readonly id: string;
  readonly createdAtMs: number;
  readonly asked: Asked;
  readonly state: ReplayState;
  readonly progress: Progress;
  /** 0: it has not. */
  readonly endedAtMs: number;
}

/** One that has not ended, and who is at it, until when. */
export interface OpenReplay extends Replay {
  readonly holder: string;
  readonly heldUntilMs: number;
}

/** A stretch that was done. */
export interface Stretch {
  readonly progress: Progress;
  /** What to settle with it: only what is kept still is, and counted. */
  readonly settles: readonly string[];
  readonly state: "running" | "done";
  readonly nowMs: number;
  readonly heldUntilMs: number;
}

/** What a replay's dead letters become. */
export const settledAs = { replay: "replayed", discard: "discarded" } as const;

/** Of one environment, that have not ended. */
export const OPEN_AT_MOST = 20;

/** At a time, by whoever carries it out. */
export const HELD_MS = 30_000;

export const unbegun: Omit<Progress, "place"> = { startedAtMs: 0, matched: 0, settled: 0, refused: {}, gone: 0, trouble: "" };

/** The first that may be taken up at that time; `open` are all that have not ended, in the order created. */
export function nextOf(open: readonly OpenReplay[], nowMs: number): OpenReplay | undefined {
  // What has begun is never held back by what has not, for that may have been created earlier and become known later: by another clock.
  const inTurn = [...open.filter(({ state }) => state === "running"), ...open.filter(({ state }) => state !== "running")];
  return inTurn.find((each, at) => {
    const isInTheWay = (other: OpenReplay, place: number) =>
      other !== each && mayOverlap(other, each) && (place < at || isHeld(other, nowMs));
    return !isHeld(each, nowMs) && !inTurn.some(isInTheWay);
  });
}

/** Those that nobody is at, nor at one that they wait for; for longer than a moment there are none. */
export const unattended = (open: readonly OpenReplay[], nowMs: number): readonly OpenReplay[] =>
  open.filter((each) => {
    const others = open.filter(({ environment }) => environment === each.environment);
    // One about all queues waits for each of them, and they for it.
    const isOneLine = others.some(({ asked }) => asked.filter.queue === "");
    return !others.some((other) => isHeld(other, nowMs) && (isOneLine || mayOverlap(other, each)));
  });

/** One that seems to be held for longer than that was held by a clock that ran ahead, and nobody may be left who knows of it. */
const HELD_AT_MOST_MS = 2 * HELD_MS;

const isHeld = ({ heldUntilMs }: OpenReplay, nowMs: number): boolean => heldUntilMs > nowMs && heldUntilMs <= nowMs + HELD_AT_MOST_MS;

const mayOverlap = (one: Replay, other: Replay): boolean => {
  const [queue, others] = [one.asked.filter.queue, other.asked.filter.queue];
  return one.environment === other.environment && (queue === others || queue === "" || others === "");
};

/** The replay as it is after a stretch, of which so many were settled by it; undefined: it is another holder's by now. */
export function advanced(replay: OpenReplay, holder: string, stretch: Stretch, settled: number): OpenReplay | undefined {
  if (replay.holder !== holder) return undefined;
  const progress = progressed(stretch, settled);
  // Canceled meanwhile: what this stretch did still counts.
  if (replay.state !== "running") return { ...replay, progress };
  const { state, nowMs, heldUntilMs } = stretch;
  return state === "done" ? { ...replay, progress, state, endedAtMs: nowMs, heldUntilMs: 0 } : { ...replay, progress, heldUntilMs };
}

function progressed({ progress, settles, state }: Stretch, settled: number): Progress {
  const so = { ...progress, settled: progress.settled + settled, gone: progress.gone + settles.length - settled };
  if (state !== "done") return so;
  const refused = Object.values(so.refused).reduce((sum, count) => sum + count, 0);
  return { ...so, gone: Math.max(so.gone, so.matched - so.settled - refused) };
}
