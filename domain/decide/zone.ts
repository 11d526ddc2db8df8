/**
 * The clocks of a time zone: what they show at an instant, and at which instant they show a time. Pure; the rules are those of Intl.
 *
 * An instant is epoch milliseconds. A wall time is what the clocks show, written down as if it were UTC, in milliseconds too, so that days
 * can be added to it. Where clocks are set forward some wall times never come; where they are set back some come twice.
 */
const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;

/** Zone names, and for each zone minutes, that are remembered: many more than a batch of people asks for. Full, the memory begins anew. */
const MOST_ZONES = 1_000;
const MOST_OFFSETS = 512;

interface Clocks {
  readonly format: Intl.DateTimeFormat;
  /** By minute since the epoch: offsets change on whole minutes. Intl takes ten microseconds, and a batch asks for the same again and again. */
  readonly offsets: Map<number, number>;
}

const known = new Map<string, Clocks>();

const fields = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", hourCycle: "h23" } as const;

const NAME = /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/;

/** Whether it is the IANA name of a zone, not an offset such as "+02:00". */
export const isTimeZone = (name: string): boolean => NAME.test(name) && formatOf(name) !== undefined;

/** Undefined where this platform does not know the zone. */
function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat("en-US", { ...fields, timeZone });
  } catch {
    return undefined;
  }
}

/** What the zone's clocks show minus UTC, in milliseconds. A name that this platform does not know counts as UTC. */
export function offsetAt(zone: string, atMs: number): number {
  const { format, offsets } = clocksOf(zone);
  const minute = Math.floor(atMs / MINUTE_MS);
  const remembered = offsets.get(minute);
  if (remembered !== undefined) return remembered;
  const shown: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(minute * MINUTE_MS)) shown[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute: past = 0 } = shown;
  const offset = Date.UTC(year, month - 1, day, hour, past) - minute * MINUTE_MS;
  if (offsets.size >= MOST_OFFSETS) offsets.clear();
  offsets.set(minute, offset);
  return offset;
}

/**
 * The first instant at which the clocks show a wall time or a later one, and the one from which on they do for good. They differ where
 * clocks are set back from after that time to before it; of a time that never comes both are the instant at which it is passed over.
 * Within two days clocks are taken to be set at most once.
 */
export function instantsOf(zone: string, wallMs: number): readonly [first: number, forGood: number] {
  const before = offsetAt(zone, wallMs - DAY_MS);
  const after = offsetAt(zone, wallMs + DAY_MS);
  const early = wallMs - before;
  if (before === after) return [early, early];
  const late = wallMs - after;
  const shownBefore = offsetAt(zone, early) === before;
  const shownAfter = offsetAt(zone, late) === after;
  // Set back to exactly that time: nothing earlier is shown again.
  const setBackTo = shownBefore && shownAfter && offsetAt(zone, late - MINUTE_MS) === before;
  if (shownBefore || shownAfter) return [shownBefore ? early : late, shownAfter && !setBackTo ? late : early];
  const set = whenSet(zone, wallMs - DAY_MS, wallMs + DAY_MS);
  return [set, set];
}

/** The instant between two others at which the clocks are set. */
function whenSet(zone: string, fromMs: number, toMs: number): number {
  const before = offsetAt(zone, fromMs);
  let low = Math.floor(fromMs / MINUTE_MS);
  let high = Math.ceil(toMs / MINUTE_MS);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(zone, middle * MINUTE_MS) === before) low = middle;
    else high = middle;
  }
  return high * MINUTE_MS;
}

function clocksOf(zone: string): Clocks {
  const remembered = known.get(zone);
  if (remembered) return remembered;
  const clocks = { format: formatOf(zone) ?? new Intl.DateTimeFormat("en-US", { ...fields, timeZone: "UTC" }), offsets: new Map() };
  if (known.size >= MOST_ZONES) known.clear();
  known.set(zone, clocks);
  return clocks;
}
