import { fakeClock } from "../../test/fakes/clock.ts";
import { memoryIntents } from "./intents.memory.ts";
import { intentsSuite } from "./intents.suite.ts";

intentsSuite("memory", async () => {
  const clock = fakeClock();
  return { intents: memoryIntents()({ clock }), clock };
});
