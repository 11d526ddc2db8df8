/** Opens the event log for reading alone, wherever the settings say that it is. */
import { resolve } from "node:path";
import { systemClock } from "#platform/clock.ts";
import { ConfigProblem, variableOf } from "#platform/config/config.ts";
import { EngineRefusal } from "#platform/engines/refusal.ts";
import type { LogReader } from "#platform/log/log.ts";
import { sqliteLogReader } from "#platform/log/reader.sqlite.ts";
import { createLogger } from "#platform/telemetry/logger.ts";
import type { AllSettings } from "./command.ts";
import { databaseFile } from "./database-file.ts";
import type { EngineSettings } from "./engines.ts";
import { topicsOf } from "./form.ts";
import type { ProcessSettings } from "./process.ts";

/** Somebody waits for it at a terminal; a process of the mesh waits for as long as it takes. */
const GIVE_UP_S = 20;

export interface NamedReader extends LogReader {
  /** Which log it is, in words. */
  readonly name: string;
}

export async function openLogForReading(all: AllSettings): Promise<NamedReader> {
  const { "data-dir": dataDir, adapters } = all.get("process") as ProcessSettings;
  const engines = all.get("engines") as EngineSettings;
  const brokers = engines["kafka.brokers"];
  if (adapters === "embedded") {
    if (brokers.length > 0)
      throw new ConfigProblem([
        `Which log? ${variableOf("kafka.brokers")} names one in Kafka, and ${variableOf("adapters")}, which is embedded, the one in SQLite. ` +
          `Set ${variableOf("adapters")} to mesh, or no brokers.`,
      ]);
    const file = databaseFile(dataDir);
    return { name: `the embedded form's, ${resolve(file)}`, ...sqliteLogReader(file) };
  }
  const { openKafka } = await import("./kafka.ts");
  const signal = AbortSignal.timeout(GIVE_UP_S * 1_000);
  const needs = { topics: topicsOf(all), clock: systemClock, logger: createLogger({ level: "warn" }), signal };
  const kafka = await openKafka(engines, needs).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    throw new EngineRefusal(`Kafka at ${brokers.join(", ")} did not answer within ${GIVE_UP_S} s.`, { cause: error });
  });
  const { bounds, read, close } = kafka;
  return { name: `Kafka's, ${brokers.join(", ")}`, bounds, read, close };
}
