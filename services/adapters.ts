/**
 * Which engine stands behind each port: the table of design as code. `embedded` is SQLite and memory, all modules in one process.
 */
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import * as topics from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import { sqliteLedger } from "#platform/ledger/ledger.sqlite.ts";
import { measuredLedger } from "#platform/ledger/measured.ts";
import { sqliteLog } from "#platform/log/log.sqlite.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import { sqliteAccessStore } from "./access/store.sqlite.ts";
import { makeDataDir } from "./data-dir.ts";
import { databaseFile } from "./database-file.ts";
import { sqliteDeadLetterStore } from "./deadletters/store.sqlite.ts";
import { sqliteInboxStore } from "./inbox/store.sqlite.ts";
import { sqliteReservations } from "./ingest/reservations.sqlite.ts";
import { sqlitePreferenceStore } from "./preferences/store.sqlite.ts";
import { sqliteScheduleStore } from "./scheduler/store.sqlite.ts";
import { sqliteTemplateStore } from "./templates/store.sqlite.ts";
import { sqliteHistoryStore } from "./tracker/store.sqlite.ts";

export type Adapters = Awaited<ReturnType<typeof embedded>>;

/** What every engine is given. */
export interface EngineNeeds {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly metrics: Registry;
  readonly logger: Logger;
}

export async function embedded({ dataDir, clock, metrics, logger }: EngineNeeds) {
  makeDataDir(dataDir);
  const database = await openDatabase({ file: databaseFile(dataDir), metrics, clock });
  const log = await sqliteLog({ database, topics: topics.all, clock, logger });
  return {
    log,
    ledger: measuredLedger(await sqliteLedger({ database, clock }), metrics),
    fanout: memoryFanout(),
    stores: {
      ingest: await sqliteReservations(database),
      preferences: await sqlitePreferenceStore(database),
      templates: await sqliteTemplateStore(database),
      scheduler: await sqliteScheduleStore(database),
      inbox: await sqliteInboxStore(database),
      deadletters: await sqliteDeadLetterStore(database),
      tracker: await sqliteHistoryStore(database),
      access: await sqliteAccessStore(database),
    },
    health: () => database.health(),
    async close() {
      await log.close();
      await database.close();
    },
  };
}
