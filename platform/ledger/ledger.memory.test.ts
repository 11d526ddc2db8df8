import { memoryLedger } from "./ledger.memory.ts";
import { ledgerSuite } from "./ledger.suite.ts";

ledgerSuite("in memory", async (clock) => memoryLedger({ clock }));
