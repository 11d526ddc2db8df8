/**
 * Which engine stands behind each port: the table of design as code. `embedded` is SQLite and memory, all modules in one process; the other
 * column is mesh.ts.
 */
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import { memoryFanout } from "#platform/fanout/fanout.memory.ts";
import type { Fanout } from "#platform/fanout/fanout.ts";
import type { Task } from "#platform/host.ts";
import { sqliteLedger } from "#platform/ledger/ledger.sqlite.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { measuredLedger } from "#platform/ledger/measured.ts";
import { memoryBreakers } from "#platform/limits/breaker.memory.ts";
import { memoryBuckets } from "#platform/limits/bucket.memory.ts";
import { sqliteOrders } from "#platform/limits/orders.sqlite.ts";
import { orderAgain } from "#platform/limits/orders.ts";
import { sqliteLog } from "#platform/log/log.sqlite.ts";
import type { EventLog } from "#platform/log/log.ts";
import { openDatabase } from "#platform/sqlite/open.ts";
import type { Health } from "#platform/telemetry/health.ts";
import { sqliteAccessStore } from "./access/store.sqlite.ts";
import type { AccessStore } from "./access/store.ts";
import { memoryBoxes } from "./console/box.memory.ts";
import type { Boxes } from "./console/box.ts";
import { makeDataDir } from "./data-dir.ts";
import { databaseFile } from "./database-file.ts";
import { sqliteDeadLetterStore } from "./deadletters/store.sqlite.ts";
import { sqliteInboxStore } from "./inbox/store.sqlite.ts";
import { sqliteReservations } from "./ingest/reservations.sqlite.ts";
import { sqliteCategoryStore } from "./preferences/categories.sqlite.ts";
import { sqlitePreferenceStore } from "./preferences/store.sqlite.ts";
import { sqliteSuppressionStore } from "./preferences/suppressions.sqlite.ts";
import { sqliteScheduleStore } from "./scheduler/store.sqlite.ts";
import { sqliteTemplateStore } from "./templates/store.sqlite.ts";
import { sqliteHistoryStore } from "./tracker/store.sqlite.ts";

export interface Adapters {
  readonly log: EventLog;
  readonly ledger: Ledger;
  readonly fanout: Fanout;
  /** By the name of the module whose they are; in a mesh, those of its own modules. */
  readonly stores: Readonly<Record<string, unknown>> & { readonly access: AccessStore; readonly console: Boxes };
  /** What the engines need done beside. */
  readonly tasks?: readonly Task[];
  health(): Health;
  close(): Promise<void>;
}

/** What every engine is given. */
export interface EngineNeeds {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly metrics: Registry;
  readonly logger: Logger;
  /** Of the log. */
  readonly topics: readonly Topic[];
}

export async function embedded({ dataDir, clock, metrics, logger, topics }: EngineNeeds) {
  makeDataDir(dataDir);
  const database = await openDatabase({ file: databaseFile(dataDir), metrics, clock });
  const log = await sqliteLog({ database, topics, clock, logger });
  const boxes = memoryBoxes(clock);
  const orders = await sqliteOrders(database);
  const breakers = memoryBreakers({ clock });
  await orderAgain(breakers, orders);
  return {
    log,
    ledger: measuredLedger(await sqliteLedger({ database, clock }), metrics),
    fanout: memoryFanout(),
    stores: {
      ingest: await sqliteReservations(database),
      preferences: {
        people: await sqlitePreferenceStore(database),
        categories: await sqliteCategoryStore(database),
        suppressions: await sqliteSuppressionStore(database),
      },
      templates: await sqliteTemplateStore(database),
      scheduler: await sqliteScheduleStore(database),
      inbox: await sqliteInboxStore(database),
      deadletters: await sqliteDeadLetterStore(database),
      tracker: await sqliteHistoryStore(database),
      access: await sqliteAccessStore(database),
      console: boxes,
      "email-workers": { boxes, buckets: memoryBuckets({ clock }), breakers, orders },
    },
    health: () => database.health(),
    async close() {
      await log.close();
      await database.close();
    },
  };
}
