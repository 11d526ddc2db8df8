import { systemClock } from "#platform/clock.ts";
import { memoryBoxes } from "./box.memory.ts";
import { boxSuite } from "./box.suite.ts";

boxSuite("memory", async () => memoryBoxes(systemClock));
