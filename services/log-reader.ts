/** Opens the event log for reading alone, wherever the settings say that it is. */
import type { LogReader } from "#platform/log/log.ts";
import { sqliteLogReader } from "#platform/log/reader.sqlite.ts";
import type { AllSettings } from "./command.ts";
import { databaseFile } from "./database-file.ts";
import type { ProcessSettings } from "./process.ts";

export async function openLogForReading(all: AllSettings): Promise<LogReader> {
  const { "data-dir": dataDir } = all.get("process") as ProcessSettings;
  return sqliteLogReader(databaseFile(dataDir));
}
