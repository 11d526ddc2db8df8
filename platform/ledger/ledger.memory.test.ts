import { fakeClock } from "../../test/fakes/clock.ts";
import { memoryLedger } from "./ledger.memory.ts";
import { onceSuite } from "./ledger.once.suite.ts";
import { ledgerSuite } from "./ledger.suite.ts";

const open = async () => {
  const clock = fakeClock();
  return { clock, ledger: memoryLedger({ clock }) };
};

ledgerSuite("in memory", open);
onceSuite("in memory", open);
