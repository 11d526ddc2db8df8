/** People and their choices in SQLite: two read statements answer any number of people. */
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./store.procedures.ts";
import { personOf } from "./store.procedures.ts";
import type { Choice, KnownPerson, PersonRecord, PreferenceStore } from "./store.ts";

export async function sqlitePreferenceStore(database: Database): Promise<PreferenceStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));

  const look = (environment: string, userIds: readonly string[]): (KnownPerson | undefined)[] => {
    const ids = JSON.stringify(userIds);
    const choices = new Map<string, Choice[]>();
    for (const row of reads.all("choices", environment, ids)) {
      const choice = { category: row.category as string, muted: row.muted === 1, channels: JSON.parse(row.channels as string) };
      const earlier = choices.get(row.user_id as string);
      if (earlier) earlier.push(choice);
      else choices.set(row.user_id as string, [choice]);
    }
    const people = new Map<string, PersonRecord>();
    for (const row of reads.all("people", environment, ids)) people.set(row.user_id as string, personOf(row));
    return userIds.map((userId) => {
      const person = people.get(userId);
      return person && { person, choices: choices.get(userId) ?? [] };
    });
  };

  return {
    upsert: (environment, changes, nowMs) => calls.upsert({ environment, changes, nowMs }, { durable: true }),
    find: async (environment, userIds) => look(environment, userIds),
    async findOrCreate(environment, userIds, nowMs) {
      const found = look(environment, userIds);
      const missing = [...new Set(userIds.filter((_, place) => !found[place]))];
      if (missing.length === 0) return found as KnownPerson[];
      await calls.create({ environment, userIds: missing, nowMs }, { durable: true });
      const created = new Map(look(environment, missing).map((known, place) => [missing[place], known]));
      return found.map((known, place) => known ?? (created.get(userIds[place]) as KnownPerson));
    },
    choose: (environment, choices, maxChoices, nowMs) => calls.choose({ environment, choices, maxChoices, nowMs }, { durable: true }),
  };
}
