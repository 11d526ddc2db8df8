/** The event log in SQLite. The database stays its owner's, who closes it after the log. */
import { RETENTION_MS } from "#domain/topics.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { embeddedLog, type LogNeeds } from "./embedded.ts";
import type { EventLog } from "./log.ts";
import { sqliteStorage } from "./storage.sqlite.ts";

export const sqliteLog = async (needs: LogNeeds & { readonly database: Database }): Promise<EventLog> => {
  const { database, topics, clock, retentionMs = RETENTION_MS } = needs;
  return embeddedLog(await sqliteStorage(database, topics), { topics, clock, retentionMs });
};
