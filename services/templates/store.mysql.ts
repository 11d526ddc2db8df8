/** Templates and their versions in MySQL. Whoever changes one locks its row first, so changes of a template come one after the other. */
import { isDuplicate } from "#platform/mysql/errors.ts";
import type { Mysql, MysqlSql } from "#platform/mysql/mysql.ts";
import { templateOf, versionOf } from "./store.rows.ts";
import type { TemplateRecord, TemplateStore, VersionRecord } from "./store.ts";

/** A template that this transaction has locked. */
interface Locked {
  readonly sql: MysqlSql;
  readonly environment: string;
  readonly template: TemplateRecord;
  readonly nowMs: number;
}

export async function mysqlTemplateStore(mysql: Mysql): Promise<TemplateStore> {
  const tables = await mysql.tables(new URL("./store.mysql.sql", import.meta.url));

  const changing = <T>(environment: string, name: string, nowMs: number, work: (locked: Locked) => Promise<T>): Promise<T | "absent"> =>
    tables.transaction(async (sql) => {
      const row = await sql.get("lock", environment, name);
      return row ? work({ sql, environment, template: templateOf(row), nowMs }) : "absent";
    });

  return {
    create: (environment, { name, source }, nowMs) =>
      tables.transaction(async (sql) => {
        try {
          await sql.run("create", environment, name, nowMs, nowMs);
        } catch (error) {
          if (isDuplicate(error)) return undefined;
          throw error;
        }
        await sql.run("begin-version", environment, name, 1, source, nowMs);
        return { name, liveVersion: 0, draftVersion: 1, createdAtMs: nowMs, updatedAtMs: nowMs };
      }),

    async find(environment, name) {
      const row = await tables.get("template", environment, name);
      return row && templateOf(row);
    },
    list: async (environment, afterName, limit) => (await tables.all("list", environment, afterName, limit)).map(templateOf),
    versions: async (environment, name, limit) => (await tables.all("versions", environment, name, limit)).map(versionOf),
    async version(environment, name, version) {
      const row = await tables.get("version", environment, name, version);
      return row && { ...versionOf(row), source: row.source as Uint8Array };
    },

    saveDraft: (environment, { name, source }, revision, nowMs) =>
      changing(environment, name, nowMs, async (locked) => {
        const { sql, template } = locked;
        const [row] = await sql.all("versions", environment, name, 1);
        const newest = versionOf(row as NonNullable<typeof row>);
        const isDraft = template.draftVersion > 0;
        if (revision !== (isDraft ? newest.revision : 0)) return "outdated";
        const version = isDraft ? newest.version : newest.version + 1;
        if (isDraft) await sql.run("change-version", source, environment, name, version);
        else await sql.run("begin-version", environment, name, version, source, nowMs);
        await set(locked, template.liveVersion, version);
        return (await standing(locked, version)) as VersionRecord;
      }),

    publish: (environment, name, revision, nowMs) =>
      changing(environment, name, nowMs, async (locked) => {
        const { draftVersion } = locked.template;
        const draft = await standing(locked, draftVersion);
        if (!draft) return "absent";
        if (draft.revision !== revision) return "outdated";
        return publish(locked, draftVersion, 0);
      }),

    publishAgain: (environment, name, version, nowMs) =>
      changing(environment, name, nowMs, async (locked) => {
        const known = await standing(locked, version);
        return known && known.publishedAtMs > 0 ? publish(locked, version, locked.template.draftVersion) : "absent";
      }),

    archive: (environment, name, nowMs) => changing(environment, name, nowMs, (locked) => set(locked, 0, locked.template.draftVersion)),
  };
}

async function standing({ sql, environment, template }: Locked, version: number): Promise<VersionRecord | undefined> {
  const row = await sql.get("standing", environment, template.name, version);
  return row && versionOf(row);
}

async function publish(locked: Locked, version: number, draftVersion: number): Promise<TemplateRecord> {
  const { sql, environment, template, nowMs } = locked;
  await sql.run("mark-published", nowMs, environment, template.name, version);
  return set(locked, version, draftVersion);
}

async function set({ sql, environment, template, nowMs }: Locked, liveVersion: number, draftVersion: number): Promise<TemplateRecord> {
  await sql.run("set-template", liveVersion, draftVersion, nowMs, environment, template.name);
  return { ...template, liveVersion, draftVersion, updatedAtMs: nowMs };
}
