/** The event log in SQLite. The database is closed by whoever opened it. */
import { RETENTION_MS, type Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import { embeddedLog } from "./embedded.ts";
import type { EventLog } from "./log.ts";
import { sqliteStorage } from "./storage.sqlite.ts";

interface Options {
  readonly database: Database;
  readonly topics: readonly Topic[];
  readonly clock: Clock;
  readonly retentionMs?: number;
}

export const sqliteLog = async ({ database, topics, clock, retentionMs = RETENTION_MS }: Options): Promise<EventLog> =>
  embeddedLog({ storage: await sqliteStorage(database, topics), topics, clock, retentionMs });
