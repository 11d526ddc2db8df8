/** Days as the stats count them: whole days since 1970-01-01 in UTC, and their dates as people write them. Pure. */
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);

export const formatDate = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** The day of a date like 2026-03-31; undefined for one that no calendar has. */
export function parseDate(date: string): number | undefined {
  const ms = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(ms) || formatDate(dayOf(ms)) !== date ? undefined : dayOf(ms);
}
