import { memoryDeadLetterStore } from "./store.memory.ts";
import { deadLetterStoreSuite } from "./store.suite.ts";

deadLetterStoreSuite("memory", async () => memoryDeadLetterStore());
