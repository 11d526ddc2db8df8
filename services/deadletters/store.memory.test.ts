import { replaysSuite } from "./replays.suite.ts";
import { memoryDeadLetterStore } from "./store.memory.ts";
import { deadLetterStoreSuite } from "./store.suite.ts";

deadLetterStoreSuite("memory", async () => memoryDeadLetterStore());

// One for both: it is shared by nothing else.
replaysSuite("memory", async () => {
  const store = memoryDeadLetterStore();
  return { store, other: store };
});
