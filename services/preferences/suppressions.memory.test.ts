import { memorySuppressionStore } from "./suppressions.memory.ts";
import { suppressionStoreSuite } from "./suppressions.suite.ts";

suppressionStoreSuite("memory", async () => memorySuppressionStore());
