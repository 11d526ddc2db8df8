import { memoryInboxStore } from "./store.memory.ts";
import { inboxStoreSuite, KEPT } from "./store.suite.ts";

inboxStoreSuite("memory", async () => memoryInboxStore(KEPT));
