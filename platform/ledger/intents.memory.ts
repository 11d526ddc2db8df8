/** Intents in memory, for tests and the simulation: as long as they are kept themselves, they outlive those who use them. */
import type { Clock } from "#platform/clock.ts";
import type { Intent, Try } from "./ledger.ts";
import type { Intents, Sending } from "./once.ts";
import { answer, type Entry, settled } from "./rules.ts";

const keyOf = ({ environment, deliveryId, cycle }: Sending): string => JSON.stringify([environment, deliveryId, cycle]);

/** Answers the same intents as each process has them, which goes by a clock of its own. */
export function memoryIntents(): (given: { readonly clock: Clock }) => Intents {
  const known = new Map<string, Entry>();
  /** The entry, while it is this worker's and open. */
  const own = (of: Sending & Pick<Try, "worker">): Entry | undefined => {
    const entry = known.get(keyOf(of));
    return entry?.state === "leased" && entry.worker === of.worker ? entry : undefined;
  };
  return ({ clock }) => ({
    async begin(tries) {
      const nowMs = clock.nowMs();
      return tries.map((asked): Intent => {
        const { attempt, wait, worker, leaseMs } = asked;
        if (!known.has(keyOf(asked))) known.set(keyOf(asked), { state: "leased", attempt, wait, worker, untilMs: nowMs + leaseMs });
        if (own(asked)) return { is: "send" };
        return answer(known.get(keyOf(asked)), { ...asked, atMostOnce: false }, undefined, nowMs).intent;
      });
    },
    async withdraw(tries) {
      for (const each of tries) if (own(each)) known.delete(keyOf(each));
    },
    async settle(results) {
      for (const each of results) {
        const entry = own(each);
        if (entry && typeof each.state === "string") known.set(keyOf(each), { ...entry, state: each.state, untilMs: each.atMs });
        else if (entry) known.delete(keyOf(each));
      }
      return results.map((each) => {
        const entry = known.get(keyOf(each));
        return entry ? settled(entry, each).taken : typeof each.state !== "string";
      });
    },
    async giveUp(tries) {
      const nowMs = clock.nowMs();
      return tries.map((asked): Intent => {
        const { attempt, wait, leaseMs } = asked;
        const entry = known.get(keyOf(asked));
        // Its holder has said meanwhile that it did not happen: the lease of this try ends first, then it begins anew.
        if (!entry) return { is: "leased", untilMs: nowMs + leaseMs };
        const ended: Entry = entry.state === "leased" ? { ...entry, attempt, wait, state: "unresolved", untilMs: nowMs } : entry;
        known.set(keyOf(asked), ended);
        return answer(ended, asked, undefined, nowMs).intent;
      });
    },
    async sweep(beforeMs, limit) {
      const gone = [...known].filter(([, { untilMs }]) => untilMs < beforeMs).slice(0, limit);
      for (const [key] of gone) known.delete(key);
      return gone.length;
    },
  });
}
