/**
 * Which engine stands behind each port: the table of design as code. `embedded` is SQLite and memory, all modules in one process.
 */
import { join } from "node:path";
import type { Logger } from "pino";
import * as topics from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import { sqliteLedger } from "#platform/ledger/ledger.sqlite.ts";
import { sqliteLog } from "#platform/log/log.sqlite.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import { makeDataDir } from "./data-dir.ts";
import { sqliteDeadLetterStore } from "./deadletters/store.sqlite.ts";
import { sqliteInboxStore } from "./inbox/store.sqlite.ts";
import { sqliteReservations } from "./ingest/reservations.sqlite.ts";
import { sqlitePreferenceStore } from "./preferences/store.sqlite.ts";
import { sqliteScheduleStore } from "./scheduler/store.sqlite.ts";
import { sqliteHistoryStore } from "./tracker/store.sqlite.ts";

export type Adapters = Awaited<ReturnType<typeof embedded>>;

export async function embedded({ dataDir, clock, logger }: { dataDir: string; clock: Clock; logger: Logger }) {
  makeDataDir(dataDir);
  const database = await openDatabase({ file: join(dataDir, "carillon.sqlite"), clock });
  const log = await sqliteLog({ database, topics: topics.all, clock, logger });
  return {
    log,
    ledger: await sqliteLedger({ database, clock }),
    fanout: memoryFanout(),
    stores: {
      ingest: await sqliteReservations(database),
      preferences: await sqlitePreferenceStore(database),
      scheduler: await sqliteScheduleStore(database),
      inbox: await sqliteInboxStore(database),
      deadletters: await sqliteDeadLetterStore(database),
      tracker: await sqliteHistoryStore(database),
    },
    health: () => database.health(),
    async close() {
      await log.close();
      await database.close();
    },
  };
}
