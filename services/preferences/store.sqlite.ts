/** People and their choices in SQLite. */
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./store.procedures.ts";
import { choiceOf, erasureOf, personOf, quietHoursOf } from "./store.rows.ts";
import type { KnownPerson, PersonRecord, PreferenceStore } from "./store.ts";

/** Behind every other character. */
const LAST = "\u{10ffff}";

export async function sqlitePreferenceStore(database: Database): Promise<PreferenceStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));

  // A statement an id: SQLite's JSON, which could carry all of them, ends a text at NUL, and an id may hold any character.
  const look = (environment: string, userId: string): KnownPerson | undefined => {
    const rows = reads.all("person-with-choices", environment, userId);
    const [first] = rows;
    if (!first) return undefined;
    const choices = first.category === null ? [] : rows.map(choiceOf);
    return { person: personOf(userId, first), choices, quietHours: quietHoursOf(first) };
  };

  return {
    upsert: (environment, changes, nowMs) => calls.upsert({ environment, changes, nowMs }, { durable: true }),
    find: async (environment, userIds) => userIds.map((userId) => look(environment, userId)),
    async search(environment, prefix, limit) {
      const found = new Map<string, PersonRecord>();
      for (const statement of prefix === "" ? ["people-by-id"] : ["people-by-id", "people-by-email"])
        for (const row of reads.all(statement, environment, prefix, prefix + LAST, limit))
          found.set(row.user_id as string, personOf(row.user_id as string, row));
      return [...found.values()].sort((one, other) => (one.userId < other.userId ? -1 : 1)).slice(0, limit);
    },
    async findOrCreate(environment, userIds, nowMs) {
      const found = userIds.map((userId) => look(environment, userId));
      const missing = [...new Set(userIds.filter((_, place) => !found[place]))];
      if (missing.length > 0) await calls.create({ environment, userIds: missing, nowMs }, { durable: true });
      return found.map((known, place) => known ?? (look(environment, userIds[place] as string) as KnownPerson));
    },
    choose: (environment, choices, maxChoices, nowMs) => calls.choose({ environment, choices, maxChoices, nowMs }, { durable: true }),
    erase: (environment, userId, nowMs) => calls.erase({ environment, userId, nowMs }, { durable: true }),
    finishErasure: (erasure) => calls.finishErasure(erasure),
    erasures: async (beforeMs, limit) => reads.all("erasures", beforeMs, limit).map(erasureOf),
    setQuietHours: (environment, change, nowMs) => calls.setQuietHours({ environment, change, nowMs }, { durable: true }),
  };
}
