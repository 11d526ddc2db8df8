/**
 * The ledger in SQLite. An intent is fsynced before a send may start. Decisions and settlements are committed only: their outputs follow
 * in the same file, in order, so that after a power loss an output never stands without them. Forgets on its own writes, see sweep.ts.
 */
import type { Clock } from "#platform/clock.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./ledger.procedures.ts";
import type { Ledger } from "./ledger.ts";
import { BITE, sweeper } from "./sweep.ts";

export async function sqliteLedger({ database, clock }: { database: Database; clock: Clock }): Promise<Ledger> {
  const calls = await database.procedures<typeof procedures>(new URL("./ledger.procedures.ts", import.meta.url));
  const sweep = sweeper(clock, (nowMs) => calls.expire({ nowMs, limit: BITE }));
  const written = <T>(answers: T): T => {
    sweep();
    return answers;
  };
  return {
    async decideOnce(drafts) {
      const earlier = written(await calls.decideOnce({ drafts, nowMs: clock.nowMs() }));
      return drafts.map(({ decision }, place) => ({ decision: earlier[place] ?? decision, first: earlier[place] === undefined }));
    },
    intend: (tries) => calls.intend({ tries, nowMs: clock.nowMs() }, { durable: true }).then(written),
    settle: (results) => calls.settle({ results, nowMs: clock.nowMs() }).then(written),
  };
}
