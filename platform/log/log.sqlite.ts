/** The event log in SQLite. The database stays its owner's, who closes it after the log. */
import type { Database } from "#platform/sqlite/sqlite.ts";
import { embeddedLog, type LogNeeds } from "./embedded.ts";
import type { EventLog } from "./log.ts";
import { sqliteStorage } from "./storage.sqlite.ts";

export const sqliteLog = async ({ database, ...needs }: LogNeeds & { readonly database: Database }): Promise<EventLog> =>
  embeddedLog(await sqliteStorage(database, needs.topics), needs);
