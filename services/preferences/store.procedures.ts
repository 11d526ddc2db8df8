/** People and choices, in the writer thread. */
import type { Row, Sql } from "#platform/sqlite/sqlite.ts";
import { personOf } from "./store.rows.ts";
import type { Choice, Erasure, PersonChange, PersonRecord, QuietHoursChange } from "./store.ts";

export default {
  upsert(
    sql: Sql,
    { environment, changes, nowMs }: { environment: string; changes: readonly PersonChange[]; nowMs: number },
  ): PersonRecord[] {
    return changes.map(({ userId, email, name, locale, timeZone }) => {
      sql.run("upsert", environment, userId, email ?? null, name ?? null, locale ?? null, timeZone ?? null, nowMs);
      return personOf(userId, sql.get("person", environment, userId) as Row);
    });
  },

  create(sql: Sql, { environment, userIds, nowMs }: { environment: string; userIds: readonly string[]; nowMs: number }): void {
    for (const userId of userIds) sql.run("create", environment, userId, nowMs);
  },

  choose(
    sql: Sql,
    asked: {
      environment: string;
      choices: readonly { readonly userId: string; readonly choice: Choice }[];
      maxChoices: number;
      nowMs: number;
    },
  ): boolean[] {
    const { environment } = asked;
    return asked.choices.map(({ userId, choice }) => {
      const others = Number(sql.get("other-choices", environment, userId, choice.category)?.others);
      if (others >= asked.maxChoices) return false;
      sql.run("create", environment, userId, asked.nowMs);
      const { category, muted, mutedUntilMs, channels } = choice;
      sql.run("choose", environment, userId, category, muted ? 1 : 0, mutedUntilMs, JSON.stringify(channels));
      return true;
    });
  },

  erase(sql: Sql, { environment, userId, nowMs }: { environment: string; userId: string; nowMs: number }): number {
    sql.run("delete-choices", environment, userId);
    sql.run("delete-person", environment, userId);
    return Number(sql.get("begin-erasure", environment, userId, nowMs)?.at_ms);
  },

  finishErasure(sql: Sql, { environment, userId, atMs }: Erasure): void {
    sql.run("delete-blank", environment, userId);
    sql.run("end-erasure", environment, userId, atMs);
  },

  setQuietHours(sql: Sql, { environment, change, nowMs }: { environment: string; change: QuietHoursChange; nowMs: number }): void {
    const { userId, hours, timeZone } = change;
    const { start, end, days } = hours ?? { start: "", end: "", days: [] };
    sql.run("upsert", environment, userId, null, null, null, timeZone ?? null, nowMs);
    sql.run("set-quiet-hours", environment, userId, start, end, JSON.stringify(days), nowMs);
  },
};
