/** The event log in memory: the real core over nothing that lasts. For tests and the simulation. */
import { embeddedLog, type LogNeeds } from "./embedded.ts";
import type { EventLog } from "./log.ts";
import { memoryStorage } from "./storage.memory.ts";

export const memoryLog = (needs: LogNeeds): EventLog => embeddedLog(memoryStorage(), needs);
