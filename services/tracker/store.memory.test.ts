import { statsSuite } from "./stats.suite.ts";
import { memoryHistoryStore } from "./store.memory.ts";
import { historyStoreSuite } from "./store.suite.ts";

historyStoreSuite("memory", async () => memoryHistoryStore());
statsSuite("memory", async () => memoryHistoryStore());
