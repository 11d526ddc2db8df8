/** Opens the event log for reading alone, wherever the settings say that it is. */
import { systemClock } from "#platform/clock.ts";
import type { LogReader } from "#platform/log/log.ts";
import { sqliteLogReader } from "#platform/log/reader.sqlite.ts";
import { createLogger } from "#platform/telemetry/logger.ts";
import type { AllSettings } from "./command.ts";
import { databaseFile } from "./database-file.ts";
import type { EngineSettings } from "./engines.ts";
import { topicsOf } from "./form.ts";
import type { ProcessSettings } from "./process.ts";

export async function openLogForReading(all: AllSettings): Promise<LogReader> {
  const { "data-dir": dataDir, adapters } = all.get("process") as ProcessSettings;
  if (adapters === "embedded") return sqliteLogReader(databaseFile(dataDir));
  const { openKafka } = await import("./kafka.ts");
  return openKafka(all.get("engines") as EngineSettings, {
    topics: topicsOf(all),
    clock: systemClock,
    logger: createLogger({ level: "warn" }),
  });
}
