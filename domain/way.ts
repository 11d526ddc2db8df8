/**
 * The way of a record: a hop for each handling of it by a stage that could not just let it pass. Pure; times are epoch milliseconds.
 *
 * It travels with the record, since who gives up on it may be hours and processes away from who tried first. So it is bounded: hops in a
 * row that differ by nothing but their time are one, of many the first and the last ones stay, and texts are cut.
 */
import type { Reason } from "./reasons.ts";

/** As carillon.common.v1.Hop, where each field is explained. */
export interface Hop {
  readonly topic: string;
  readonly stage: string;
  readonly cycle: number;
  readonly attempt: number;
  readonly sinceMs: bigint;
  readonly atMs: bigint;
  readonly times: number;
  readonly reason: string;
  readonly detail: string;
  readonly provider: string;
  readonly dueAtMs: bigint;
}

export interface Way {
  readonly hops: readonly Hop[];
  readonly leftOut: number;
}

/** One handling. */
export interface Handling {
  readonly topic: string;
  readonly stage: string;
  readonly cycle?: number;
  readonly attempt?: number;
  readonly sinceMs: number;
  readonly atMs: number;
  readonly reason: Reason;
  readonly detail?: string;
  readonly provider?: string;
  readonly dueAtMs?: number;
}

const FIRST = 3;
const LAST = 9;
const DETAIL_MOST_CHARS = 300;

/** The way with one hop more. */
export function further(way: Way | undefined, handling: Handling): { hops: Hop[]; leftOut: number } {
  const { hops = [], leftOut = 0 } = way ?? {};
  const hop = hopOf(handling);
  const before = hops.at(-1);
  if (before && isAlike(before, hop)) {
    const together = { ...hop, sinceMs: before.sinceMs, times: before.times + hop.times };
    return { hops: [...hops.slice(0, -1), together], leftOut };
  }
  const all = [...hops, hop];
  const tooMany = Math.max(0, all.length - FIRST - LAST);
  return { hops: [...all.slice(0, FIRST), ...all.slice(FIRST + tooMany)], leftOut: leftOut + tooMany };
}

/** One behind the other; undefined where there is none. */
export function joined(...ways: readonly (Way | undefined)[]): Way | undefined {
  const known = ways.filter((way) => way !== undefined);
  if (known.length === 0) return undefined;
  return { hops: known.flatMap(({ hops }) => hops), leftOut: known.reduce((sum, { leftOut }) => sum + leftOut, 0) };
}

const hopOf = ({
  topic,
  stage,
  cycle = 0,
  attempt = 0,
  sinceMs,
  atMs,
  reason,
  detail = "",
  provider = "",
  dueAtMs = 0,
}: Handling): Hop => ({
  ...{ topic, stage, cycle, attempt, sinceMs: BigInt(sinceMs), atMs: BigInt(atMs), times: 1, reason },
  ...{ detail: cut(detail), provider, dueAtMs: BigInt(dueAtMs) },
});

/** Not through the middle of a character. */
const cut = (text: string): string => (text.length > DETAIL_MOST_CHARS ? text.slice(0, DETAIL_MOST_CHARS).toWellFormed() : text);

const isAlike = (one: Hop, other: Hop): boolean =>
  one.topic === other.topic &&
  one.stage === other.stage &&
  one.cycle === other.cycle &&
  one.attempt === other.attempt &&
  one.reason === other.reason &&
  one.detail === other.detail &&
  one.provider === other.provider;
