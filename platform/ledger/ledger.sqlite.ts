/**
 * The ledger in SQLite. An intent is fsynced before a send may start, a cancel and a suppression before they are acknowledged: all run in the
 * one writer, so that one of them is first. Decisions and settlements are committed only: their outputs follow
 * in the same file, in order, so that after a power loss an output never stands without them. Extensions are committed only as well: a
 * power loss is the end of their holders. Forgets on its own writes, see sweep.ts.
 */
import type { Clock } from "#platform/clock.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./ledger.procedures.ts";
import type { Draft, Ledger } from "./ledger.ts";
import { stateOf } from "./replies.ts";
import { BITE, sweeper } from "./sweep.ts";

export async function sqliteLedger({ database, clock }: { database: Database; clock: Clock }): Promise<Ledger> {
  const calls = await database.procedures<typeof procedures>(new URL("./ledger.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./ledger.sql", import.meta.url));
  const sweep = sweeper(clock, (nowMs) => calls.expire({ nowMs, limit: BITE }));
  const written = <T>(answers: T): T => {
    sweep();
    return answers;
  };
  return {
    async decideOnce(drafts) {
      const decided = written(await calls.decideOnce({ drafts, nowMs: clock.nowMs() }));
      return decided.map(({ earlier, canceled }, place) => {
        const decision = earlier ?? (drafts[place] as Draft).decision;
        return { decision, first: earlier === undefined, canceled };
      });
    },
    undecide: (unread) => calls.undecide(unread),
    intend: (tries, { repeatable = false } = {}) => calls.intend({ tries, nowMs: clock.nowMs() }, { durable: !repeatable }).then(written),
    extend: (leases) => calls.extend({ leases, nowMs: clock.nowMs() }).then(written),
    settle: (results) => calls.settle({ results, nowMs: clock.nowMs() }).then(written),
    cancel: (cancel) => calls.cancel(cancel, { durable: true }),
    suppress: (suppressed) => calls.suppress(suppressed, { durable: true }).then(written),
    erase: (erased) => calls.erase(erased, { durable: true }).then(written),
    erasedAt: async (environment, whoms) => whoms.map((whom) => Number(reads.get("erased", environment, whom)?.at_ms ?? 0)),
    statesOf: async ({ environment, notificationId, deliveryIds }) =>
      deliveryIds.map((deliveryId) =>
        reads.all("states", environment, notificationId, deliveryId).map(({ state }) => stateOf(state as string)),
      ),
  };
}
