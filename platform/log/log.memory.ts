/** The event log in memory. */
import { RETENTION_MS, type Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import { embeddedLog } from "./embedded.ts";
import type { EventLog } from "./log.ts";
import { memoryStorage } from "./storage.memory.ts";

export const memoryLog = ({ topics, clock, retentionMs = RETENTION_MS }: { topics: readonly Topic[]; clock: Clock; retentionMs?: number }): EventLog =>
  embeddedLog({ storage: memoryStorage(), topics, clock, retentionMs });
