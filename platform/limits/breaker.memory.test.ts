import { fakeClock } from "../../test/fakes/clock.ts";
import { memoryBreakers } from "./breaker.memory.ts";
import { breakerSuite } from "./breaker.suite.ts";

breakerSuite("in memory", async () => {
  const clock = fakeClock();
  return { clock, breakers: memoryBreakers({ clock }) };
});
