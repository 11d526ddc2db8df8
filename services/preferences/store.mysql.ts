/**
 * People and their choices in MySQL: a batch is a few statements, however many are in it.
 *
 * Who is changed is created first and then locked, in the order of ids: the row is the lock that two writers of one person meet at.
 */
import type { Mysql, MysqlSql } from "#platform/mysql/mysql.ts";
import { choiceOf, erasureOf, personOf, quietHoursOf } from "./store.rows.ts";
import type { Choice, KnownPerson, PersonChange, PersonRecord, PreferenceStore } from "./store.ts";

/** Behind every byte of UTF-8. */
const LAST = 0xff;

export async function mysqlPreferenceStore(mysql: Mysql): Promise<PreferenceStore> {
  const tables = await mysql.tables(new URL("./store.mysql.sql", import.meta.url));

  async function find(environment: string, userIds: readonly string[]): Promise<Map<string, KnownPerson>> {
    const found = new Map<string, Known>();
    for (const row of await tables.all("find", environment, userIds)) {
      const userId = row.user_id as string;
      const known = found.get(userId) ?? { person: personOf(userId, row), choices: [], quietHours: quietHoursOf(row) };
      found.set(userId, known);
      if (row.category !== null) known.choices.push(choiceOf(row));
    }
    for (const { choices } of found.values()) choices.sort((one, other) => (one.category < other.category ? -1 : 1));
    return found;
  }

  return {
    upsert: (environment, changes, nowMs) =>
      tables.transaction(async (sql) => {
        const people = await lock(sql, environment, changes, nowMs);
        const changed = new Set<string>();
        const answers = changes.map((change) => {
          const before = people.get(change.userId) as PersonRecord;
          const after = changedBy(before, change, nowMs);
          if (after !== before) changed.add(change.userId);
          people.set(change.userId, after);
          return after;
        });
        const rows = [...changed].map((userId) => rowOf(environment, people.get(userId) as PersonRecord));
        await sql.run("change", rows);
        return answers;
      }),

    async find(environment, userIds) {
      const found = await find(environment, userIds);
      return userIds.map((userId) => found.get(userId));
    },

    async search(environment, prefix, limit) {
      const [byId, byEmail] = [prefix, foldEmail(prefix)].map((begins) => Buffer.from(begins)) as [Buffer, Buffer];
      const rows = await tables.all(
        "search",
        ...[environment, byId, after(byId), limit],
        ...[environment, byEmail, after(byEmail), limit],
        limit,
      );
      return rows.map((row) => personOf(row.user_id as string, row));
    },

    async findOrCreate(environment, userIds, nowMs) {
      const found = await find(environment, userIds);
      const missing = userIds.filter((userId) => !found.has(userId));
      if (missing.length > 0) {
        await create(tables, environment, missing, nowMs);
        for (const [userId, known] of await find(environment, missing)) found.set(userId, known);
      }
      return userIds.map((userId) => found.get(userId) as KnownPerson);
    },

    choose: (environment, choices, maxChoices, nowMs) =>
      tables.transaction(async (sql) => {
        await lock(sql, environment, choices, nowMs);
        const categories = new Map(choices.map(({ userId }) => [userId, new Set<string>()]));
        for (const row of await sql.all("categories", environment, [...categories.keys()]))
          categories.get(row.user_id as string)?.add(row.category as string);
        const chosen = new Map<string, readonly [string, string, string, number, number, string]>();
        const answers = choices.map(({ userId, choice }) => {
          const { category, muted, mutedUntilMs, channels } = choice;
          const there = categories.get(userId) as Set<string>;
          if (!there.has(category) && there.size >= maxChoices) return false;
          there.add(category);
          chosen.set(JSON.stringify([userId, category]), [
            ...([environment, userId, category] as const),
            ...([muted ? 1 : 0, mutedUntilMs, JSON.stringify(channels)] as const),
          ]);
          return true;
        });
        await sql.run("choose", [...chosen.values()]);
        return answers;
      }),

    erase: (environment, userId, nowMs) =>
      tables.transaction(async (sql) => {
        await lock(sql, environment, [{ userId }], nowMs);
        await sql.run("delete-choices", environment, userId);
        await sql.run("delete-person", environment, userId);
        await sql.run("begin-erasure", environment, userId, nowMs);
        return Number((await sql.get("begun", environment, userId))?.at_ms);
      }),

    finishErasure: ({ environment, userId, atMs }) =>
      tables.transaction(async (sql) => {
        // Whoever has a choice is no longer made of nothing but an id.
        const choices = await sql.all("categories", environment, [userId]);
        if (choices.length === 0) await sql.run("delete-blank", environment, userId);
        await sql.run("end-erasure", environment, userId, atMs);
      }),

    erasures: async (beforeMs, limit) => (await tables.all("erasures", beforeMs, limit)).map(erasureOf),

    setQuietHours: (environment, { userId, hours, timeZone = null }, nowMs) =>
      tables.transaction(async (sql) => {
        const { start, end, days } = hours ?? { start: "", end: "", days: [] };
        const quiet = [start, end, JSON.stringify(days), timeZone ?? null];
        await create(sql, environment, [userId], nowMs);
        await sql.run("set-quiet-hours", ...quiet, nowMs, ...quiet, environment, userId);
      }),
  };
}

type Known = Omit<KnownPerson, "choices"> & { readonly choices: Choice[] };

const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));

/** In the order of ids, so that two that create the same do not wait for each other. */
async function create(sql: MysqlSql, environment: string, userIds: readonly string[], nowMs: number): Promise<void> {
  const sorted = [...new Set(userIds)].sort(byBytes);
  await sql.run(
    "create",
    sorted.map((userId) => [environment, userId, nowMs, nowMs]),
  );
}

/** Creates those that are not known, and keeps all of them for this transaction. */
async function lock(
  sql: MysqlSql,
  environment: string,
  whom: readonly { readonly userId: string }[],
  nowMs: number,
): Promise<Map<string, PersonRecord>> {
  const userIds = [...new Set(whom.map(({ userId }) => userId))];
  await create(sql, environment, userIds, nowMs);
  const rows = await sql.all("lock", environment, userIds);
  return new Map(rows.map((row) => [row.user_id as string, personOf(row.user_id as string, row)]));
}

/** The same person where nothing changes. */
function changedBy(before: PersonRecord, change: PersonChange, nowMs: number): PersonRecord {
  const { email = before.email, name = before.name, locale = before.locale, timeZone = before.timeZone } = change;
  const isSame = email === before.email && name === before.name && locale === before.locale && timeZone === before.timeZone;
  return isSame ? before : { ...before, email, name, locale, timeZone, updatedAtMs: nowMs };
}

const rowOf = (environment: string, { userId, email, name, locale, timeZone, createdAtMs, updatedAtMs }: PersonRecord) => [
  ...[environment, userId, email, foldEmail(email), name, locale, timeZone],
  ...[createdAtMs, updatedAtMs],
];

const foldEmail = (email: string): string => email.toLowerCase();

/** The first bytes that no longer begin so. */
const after = (prefix: Buffer): Buffer => Buffer.concat([prefix, Buffer.of(LAST)]);
