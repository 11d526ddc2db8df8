import { fakeClock } from "../../test/fakes/clock.ts";
import { memoryIntents } from "./intents.memory.ts";
import { memoryLedger } from "./ledger.memory.ts";
import { onceSuite } from "./ledger.once.suite.ts";
import { atMostOnce } from "./once.ts";

onceSuite("in memory, with intents beside the ledger", async () => {
  const clock = fakeClock();
  return { ledger: atMostOnce(memoryLedger({ clock }), memoryIntents()({ clock }), { clock }), clock };
});
