/** Days as the stats count them: whole days since 1970-01-01 in UTC, and their dates as people write them. Pure. */
import { Problem } from "#domain/errors.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);

export const formatDate = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

const MOST_DAYS = 366;

/** The days asked for, from the first to the last. Throws INVALID_REQUEST for what is no range of them. */
export function daysOf({ fromDate, toDate }: { readonly fromDate: string; readonly toDate: string }) {
  const wrong = (field: string, description: string) => new Problem("INVALID_REQUEST", { violations: [{ field, description }] });
  const fromDay = parseDate(fromDate);
  if (fromDay === undefined) throw wrong("from_date", "must be a date like 2026-03-01");
  const toDay = parseDate(toDate);
  if (toDay === undefined) throw wrong("to_date", "must be a date like 2026-03-01");
  if (toDay < fromDay) throw wrong("to_date", "must not be before from_date");
  if (toDay - fromDay >= MOST_DAYS) throw wrong("to_date", `must be at most ${MOST_DAYS - 1} days after from_date`);
  return { fromDay, toDay };
}

/** The day of a date like 2026-03-31; undefined for one that no calendar has. */
function parseDate(date: string): number | undefined {
  const ms = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(ms) || formatDate(dayOf(ms)) !== date ? undefined : dayOf(ms);
}
