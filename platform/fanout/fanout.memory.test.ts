import { memoryFanout } from "./fanout.memory.ts";
import { fanoutSuite } from "./fanout.suite.ts";

fanoutSuite("in memory", async () => {
  const fanout = memoryFanout();
  return { here: fanout, there: fanout };
});
