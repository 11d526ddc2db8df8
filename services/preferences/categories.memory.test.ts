import { memoryCategoryStore } from "./categories.memory.ts";
import { categoryStoreSuite } from "./categories.suite.ts";

categoryStoreSuite("memory", async () => memoryCategoryStore());
