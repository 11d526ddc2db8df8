/** What a row says of a person and of a choice, whichever database it comes from. */
import type { QuietHours } from "#domain/decide/quiet-hours.ts";
import type { Row } from "#platform/sql/row.ts";
import type { Choice, Erasure, PersonRecord } from "./store.ts";

export const personOf = (userId: string, row: Row): PersonRecord => ({
  userId,
  email: row.email as string,
  name: row.name as string,
  locale: row.locale as string,
  timeZone: row.time_zone as string,
  createdAtMs: Number(row.created_at_ms),
  updatedAtMs: Number(row.updated_at_ms),
});

export const choiceOf = (row: Row): Choice => ({
  category: row.category as string,
  muted: row.muted === 1,
  mutedUntilMs: Number(row.muted_until_ms),
  channels: JSON.parse(row.channels as string),
});

export const erasureOf = (row: Row): Erasure => ({
  environment: row.environment as string,
  userId: row.user_id as string,
  atMs: Number(row.at_ms),
});

export const quietHoursOf = (row: Row): QuietHours | undefined =>
  row.quiet_start === ""
    ? undefined
    : { start: row.quiet_start as string, end: row.quiet_end as string, days: JSON.parse(row.quiet_days as string) };
