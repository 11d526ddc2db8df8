/**
 * Quiet hours: until when a person is not to be disturbed. Pure.
 *
 * The hours of a day begin when the clocks first show the start, and end when they show the end, or later, for good. So where clocks are
 * set back an end that comes twice is the second one; where they are set forward a time that is passed over counts as the moment at which
 * it is. A person is never disturbed while their clock shows a time within their hours.
 */
import { DAY_MS, instantsOf, offsetAt } from "./zone.ts";

export interface QuietHours {
  /** "22:00" */
  readonly start: string;
  /** "07:00"; before the start: on the next day. "24:00" is the end of the day. */
  readonly end: string;
  /** The days on which they begin, 1 (Monday) to 7 (Sunday); empty: every day. */
  readonly days: readonly number[];
}

/** Hours that follow each other without a gap are one stretch; a week of days and what a change of clocks may add is the most there is. */
const MOST_STRETCHES = 16;

/** The instant at which the quiet hours end that hold at `nowMs`; undefined: there are none then. */
export function quietUntil(hours: QuietHours, zone: string, nowMs: number): number | undefined {
  let untilMs: number | undefined;
  for (let stretch = 0; stretch < MOST_STRETCHES; stretch++) {
    const endMs = endAround(hours, zone, untilMs ?? nowMs);
    if (endMs === undefined) break;
    untilMs = endMs;
  }
  return untilMs;
}

/** What is wrong with the hours as a whole; undefined when they leave some time. */
export function quietHoursFault({ start, end, days }: QuietHours): string | undefined {
  if (start === end) return "must not be the same as start; the whole day is 00:00 to 24:00";
  const everyDay = days.length === 0 || days.length === 7;
  return everyDay && start === "00:00" && end === "24:00" ? "must leave some time of the week; a mute silences all of it" : undefined;
}

/** The end of the hours that hold at an instant. Yesterday's may not have ended, and a change of clocks may bring a date back. */
function endAround({ start, end, days }: QuietHours, zone: string, atMs: number): number | undefined {
  const startMs = timeOfDay(start);
  const endMs = timeOfDay(end);
  const lengthMs = endMs > startMs ? endMs - startMs : endMs + DAY_MS - startMs;
  const today = Math.floor((atMs + offsetAt(zone, atMs)) / DAY_MS);
  let found: number | undefined;
  for (let day = today - 2; day <= today + 1; day++) {
    if (days.length > 0 && !days.includes(weekday(day))) continue;
    const [fromMs] = instantsOf(zone, day * DAY_MS + startMs);
    if (fromMs > atMs) continue;
    const [, untilMs] = instantsOf(zone, day * DAY_MS + startMs + lengthMs);
    if (atMs < untilMs) found = Math.max(found ?? untilMs, untilMs);
  }
  return found;
}

/** "07:30" in milliseconds since midnight. */
const timeOfDay = (text: string): number => (Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5))) * 60_000;

/** Of a day counted from 1970-01-01, a Thursday: 1 (Monday) to 7 (Sunday). */
const weekday = (day: number): number => ((((day + 3) % 7) + 7) % 7) + 1;
