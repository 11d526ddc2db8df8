/** Templates and their versions in SQLite. */
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./store.procedures.ts";
import { templateOf, versionOf } from "./store.rows.ts";
import type { TemplateStore } from "./store.ts";

export async function sqliteTemplateStore(database: Database): Promise<TemplateStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));
  const durable = { durable: true };
  return {
    create: (environment, draft, nowMs) => calls.create({ environment, ...draft, nowMs }, durable),
    async find(environment, name) {
      const row = reads.get("template", environment, name);
      return row && templateOf(row);
    },
    list: async (environment, afterName, limit) => reads.all("list", environment, afterName, limit).map(templateOf),
    versions: async (environment, name, limit) => reads.all("versions", environment, name, limit).map(versionOf),
    async version(environment, name, version) {
      const row = reads.get("version", environment, name, version);
      return row && { ...versionOf(row), source: row.source as Uint8Array };
    },
    saveDraft: (environment, draft, revision, nowMs) => calls.saveDraft({ environment, ...draft, revision, nowMs }, durable),
    publish: (environment, name, revision, nowMs) => calls.publish({ environment, name, revision, nowMs }, durable),
    publishAgain: (environment, name, version, nowMs) => calls.publishAgain({ environment, name, version, nowMs }, durable),
    archive: (environment, name, nowMs) => calls.archive({ environment, name, nowMs }, durable),
  };
}
