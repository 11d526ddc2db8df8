import { fakeClock } from "../../test/fakes/clock.ts";
import { memoryLedger } from "./ledger.memory.ts";
import { ledgerSuite } from "./ledger.suite.ts";

ledgerSuite("in memory", async () => {
  const clock = fakeClock();
  return { clock, ledger: memoryLedger({ clock }) };
});
