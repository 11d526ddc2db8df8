import { memoryPreferenceStore } from "./store.memory.ts";
import { preferenceStoreSuite } from "./store.suite.ts";

preferenceStoreSuite("memory", async () => memoryPreferenceStore());
