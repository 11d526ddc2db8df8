/** Templates and versions, in the writer thread: each procedure is one transaction. */
import type { Row, Sql } from "#platform/sqlite/sqlite.ts";
import { templateOf, versionOf } from "./store.rows.ts";
import type { Draft, Refusal, TemplateRecord, VersionRecord } from "./store.ts";

interface Named {
  readonly environment: string;
  readonly name: string;
  readonly nowMs: number;
}

function find(sql: Sql, environment: string, name: string): TemplateRecord | undefined {
  const row = sql.get("template", environment, name);
  return row && templateOf(row);
}

function findVersion(sql: Sql, environment: string, name: string, version: number): VersionRecord | undefined {
  const row = sql.get("version", environment, name, version);
  return row && versionOf(row);
}

function set(sql: Sql, { environment, name, nowMs }: Named, liveVersion: number, draftVersion: number): TemplateRecord {
  sql.run("set-template", environment, name, liveVersion, draftVersion, nowMs);
  return find(sql, environment, name) as TemplateRecord;
}

export default {
  create(sql: Sql, { environment, name, source, nowMs }: Named & Draft): TemplateRecord | undefined {
    if (find(sql, environment, name)) return undefined;
    sql.run("create", environment, name, nowMs);
    sql.run("begin-version", environment, name, 1, source, nowMs);
    return find(sql, environment, name);
  },

  saveDraft(sql: Sql, asked: Named & Draft & { revision: number }): VersionRecord | Refusal {
    const { environment, name, source, revision, nowMs } = asked;
    const template = find(sql, environment, name);
    if (!template) return "absent";
    const newest = versionOf(sql.get("versions", environment, name, 1) as Row);
    const isDraft = template.draftVersion > 0;
    if (revision !== (isDraft ? newest.revision : 0)) return "outdated";
    const version = isDraft ? newest.version : newest.version + 1;
    if (isDraft) sql.run("change-version", environment, name, version, source);
    else sql.run("begin-version", environment, name, version, source, nowMs);
    set(sql, asked, template.liveVersion, version);
    return findVersion(sql, environment, name, version) as VersionRecord;
  },

  publish(sql: Sql, asked: Named & { revision: number }): TemplateRecord | Refusal {
    const { environment, name, revision, nowMs } = asked;
    const draftVersion = find(sql, environment, name)?.draftVersion ?? 0;
    const draft = findVersion(sql, environment, name, draftVersion);
    if (!draft) return "absent";
    if (draft.revision !== revision) return "outdated";
    sql.run("mark-published", environment, name, draftVersion, nowMs);
    return set(sql, asked, draftVersion, 0);
  },

  publishAgain(sql: Sql, asked: Named & { version: number }): TemplateRecord | "absent" {
    const { environment, name, version, nowMs } = asked;
    const template = find(sql, environment, name);
    const known = findVersion(sql, environment, name, version);
    if (!template || !known || known.publishedAtMs === 0) return "absent";
    sql.run("mark-published", environment, name, version, nowMs);
    return set(sql, asked, version, template.draftVersion);
  },

  archive(sql: Sql, asked: Named): TemplateRecord | "absent" {
    const template = find(sql, asked.environment, asked.name);
    return template ? set(sql, asked, 0, template.draftVersion) : "absent";
  },
};
