/** The event log in memory: the real core over nothing that lasts. For tests and the simulation. */
import { RETENTION_MS } from "#domain/topics.ts";
import { embeddedLog, type LogNeeds } from "./embedded.ts";
import type { EventLog } from "./log.ts";
import { memoryStorage } from "./storage.memory.ts";

export const memoryLog = ({ topics, clock, retentionMs = RETENTION_MS }: LogNeeds): EventLog =>
  embeddedLog(memoryStorage(), { topics, clock, retentionMs });
