/** The engines behind the ports, in the form that the settings choose. Those of a mesh are loaded only where there is one. */
import { all, type Topic } from "#domain/topics.ts";
import type { loadConfig } from "#platform/config/config.ts";
import type { RawTopicSettings } from "#platform/config/raw-topic.ts";
import type { Module } from "#platform/host.ts";
import { type Adapters, type EngineNeeds, embedded } from "./adapters.ts";
import type { EngineSettings } from "./engines.ts";
import type { ProcessSettings } from "./process.ts";
import type { WaitingRoom } from "./waiting-room.ts";

type Settings = ReturnType<typeof loadConfig>;

export interface FormNeeds extends Omit<EngineNeeds, "dataDir" | "topics"> {
  readonly modules: readonly Module[];
  readonly worker: string;
  readonly room: WaitingRoom | undefined;
}

const DAY_MS = 86_400_000;

/** Those that there always are, and the raw topics of the configuration. */
export const topicsOf = (settings: Settings): readonly Topic[] => {
  const { "raw-topics": further } = settings.get("router") as RawTopicSettings;
  return [...all, ...further.map(({ topic }) => topic)];
};

export async function openAdapters(settings: Settings, { modules, worker, room, ...given }: FormNeeds): Promise<Adapters> {
  const needs = { ...given, topics: topicsOf(settings) };
  const process_ = settings.get("process") as ProcessSettings;
  const engines = settings.get("engines") as EngineSettings;
  if (process_.adapters === "mesh") {
    const { "history.retention-days": days } = settings.get("tracker") as { "history.retention-days": number };
    const { mesh } = await import("./mesh.ts");
    const waitingFor = room?.waitingFor ?? (() => {});
    return mesh(engines, process_, { ...needs, modules, worker, waitingFor, historyKeptMs: days * DAY_MS });
  }
  if (engines["kafka.brokers"].length > 0)
    needs.logger.warn("kafka.brokers is for the mesh form; the embedded form keeps its log in SQLite and ignores it");
  return embedded({ dataDir: process_["data-dir"], ...needs });
}
