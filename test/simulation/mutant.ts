/** What may be broken on purpose in a simulated run, to see that it is found: a port each, wrapped. */
import type { tellAgain } from "#platform/ledger/keeping.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import type { Intents } from "#platform/ledger/once.ts";
import type { Breakers } from "#platform/limits/breaker.ts";
import type { Buckets } from "#platform/limits/bucket.ts";
import type { EventLog } from "#platform/log/log.ts";
import type { DeadLetterStore } from "../../services/deadletters/store.ts";
import type { Sender } from "../../services/delivery/sender.ts";
import type { ScheduleStore } from "../../services/scheduler/store.ts";
import type { HistoryStore } from "../../services/tracker/store.ts";
import type { Meanings } from "./redis.ts";

interface Broken {
  readonly ledger: (ledger: Ledger) => Ledger;
  readonly log: (log: EventLog) => EventLog;
  readonly sender: (sender: Sender) => Sender;
  readonly breakers: (breakers: Breakers) => Breakers;
  readonly buckets: (buckets: Buckets) => Buckets;
  readonly schedule: (schedule: ScheduleStore) => ScheduleStore;
  readonly letters: (letters: DeadLetterStore) => DeadLetterStore;
  readonly history: (history: HistoryStore) => HistoryStore;
  readonly restore: (restore: typeof tellAgain) => typeof tellAgain;
  readonly restorer: (meanings: Meanings) => Meanings;
  readonly intents: (intents: Intents) => Intents;
}

/** What is left out is whole. */
export type Mutant = Partial<Broken>;

const whole = <P>(port: P): P => port;

export const brokenBy = (mutant: Mutant): Broken => ({
  ...{ ledger: whole, log: whole, sender: whole, breakers: whole, buckets: whole, schedule: whole, letters: whole, history: whole },
  ...{ restore: whole, restorer: whole, intents: whole, ...mutant },
});
