/** The ledger in memory, for tests and the simulation: nothing outlives the process. */
import type { Clock } from "#platform/clock.ts";
import type { Barred, Cancel, Decided, Deliveries, Draft, Erased, Extension, Ledger, Settled, Suppressed, Try } from "./ledger.ts";
import { answer, type Entry, extended, KEPT_MS, LIFTED_KEPT_MS, settled } from "./rules.ts";
import { BITE, sweeper } from "./sweep.ts";

const decisionKey = ({ environment, notificationId, recipient }: Draft) => JSON.stringify([environment, notificationId, recipient]);
const cancelKey = ({ environment, notificationId }: Pick<Cancel, "environment" | "notificationId">) =>
  JSON.stringify([environment, notificationId]);
const whomKey = (environment: string, whom: string) => JSON.stringify([environment, whom]);
const sendKey = ({ environment, deliveryId, cycle, target }: Try | Settled | Extension) =>
  JSON.stringify([environment, deliveryId, cycle, target]);

export function memoryLedger({ clock }: { clock: Clock }): Ledger {
  const decisions = byAge<Uint8Array>();
  const sends = byAge<Entry>();
  const cancels = new Map<string, number>();
  const isCanceled = (asked: Draft | Try | Extension) => cancels.has(cancelKey(asked));
  const suppressions = new Map<string, Suppressed>();
  const erasures = new Map<string, Erased>();
  const barring = (asked: Try | Extension): Barred | undefined => {
    if (isCanceled(asked)) return "canceled";
    const keys = asked.reaches.map((whom) => whomKey(asked.environment, whom));
    if (keys.some((key) => suppressions.get(key)?.suppressed)) return "suppressed";
    return keys.some((key) => asked.acceptedAtMs <= (erasures.get(key)?.atMs ?? -1)) ? "erased" : undefined;
  };
  const statesOf = ({ environment, deliveryIds }: Pick<Deliveries, "environment" | "deliveryIds">) => {
    const all = [...sends.entries()].map(([key, { state }]) => ({ parts: JSON.parse(key) as unknown[], state }));
    return deliveryIds.map((id) => all.filter(({ parts }) => parts[0] === environment && parts[1] === id).map(({ state }) => state));
  };
  const sweep = sweeper(clock, (nowMs) => {
    const gone = [decisions.forget(nowMs - KEPT_MS), sends.forget(nowMs - KEPT_MS)];
    for (const [key, untilMs] of cancels) if (untilMs < nowMs) cancels.delete(key);
    for (const [key, { suppressed, atMs }] of suppressions) if (!suppressed && atMs < nowMs - LIFTED_KEPT_MS) suppressions.delete(key);
    for (const [key, { untilMs }] of erasures) if (untilMs < nowMs) erasures.delete(key);
    return gone.includes(BITE);
  });
  return {
    async decideOnce(drafts) {
      const nowMs = clock.nowMs();
      const decided = drafts.map((draft): Decided => {
        const earlier = decisions.get(decisionKey(draft));
        const canceled = isCanceled(draft);
        if (earlier) return { decision: earlier, first: false, canceled };
        decisions.put(decisionKey(draft), draft.decision, nowMs);
        return { decision: draft.decision, first: true, canceled };
      });
      sweep();
      return decided;
    },
    async undecide(unread) {
      const key = decisionKey(unread);
      const known = decisions.get(key);
      if (!known || !unread.decision.every((byte, at) => byte === known[at]) || known.length !== unread.decision.length) return known;
      if (statesOf(unread).some((states) => states.length > 0)) return known;
      decisions.drop(key);
      return undefined;
    },
    async intend(tries) {
      const nowMs = clock.nowMs();
      const intents = tries.map((asked) => {
        const { intent, entry } = answer(sends.get(sendKey(asked)), asked, barring(asked), nowMs);
        if (entry) sends.put(sendKey(asked), entry, nowMs);
        return intent;
      });
      sweep();
      return intents;
    },
    async extend(leases) {
      const nowMs = clock.nowMs();
      const holds = leases.map((lease) => {
        const { hold, entry } = extended(sends.get(sendKey(lease)), lease, barring(lease), nowMs);
        if (entry) sends.put(sendKey(lease), entry, nowMs);
        return hold;
      });
      sweep();
      return holds;
    },
    async settle(results) {
      const nowMs = clock.nowMs();
      const answers = results.map((result) => {
        const { taken, entry } = settled(sends.get(sendKey(result)), result);
        if (entry) sends.put(sendKey(result), entry, nowMs);
        return taken;
      });
      sweep();
      return answers;
    },
    async cancel(cancel) {
      const key = cancelKey(cancel);
      cancels.set(key, Math.max(cancel.untilMs, cancels.get(key) ?? 0));
      sweep();
      const of = [...decisions.entries()].map(([key, decision]) => ({ parts: JSON.parse(key) as string[], decision }));
      const { environment, notificationId } = cancel;
      return of
        .filter(({ parts }) => parts[0] === environment && parts[1] === notificationId)
        .map(({ parts, decision }) => ({ recipient: parts[2] as string, decision }));
    },
    async suppress(said) {
      const key = whomKey(said.environment, said.whom);
      const known = suppressions.get(key);
      if (!known || known.atMs < said.atMs) suppressions.set(key, said);
      sweep();
    },
    async erase(said) {
      const key = whomKey(said.environment, said.whom);
      const known = erasures.get(key) ?? said;
      erasures.set(key, { ...said, atMs: Math.max(said.atMs, known.atMs), untilMs: Math.max(said.untilMs, known.untilMs) });
      sweep();
    },
    async erasedAt(environment, whoms) {
      return whoms.map((whom) => erasures.get(whomKey(environment, whom))?.atMs ?? 0);
    },
    async statesOf(of) {
      return statesOf(of);
    },
  };
}

/** A map in the order of last change: a Map keeps the order of insertion. */
function byAge<T>() {
  const entries = new Map<string, { readonly value: T; readonly atMs: number }>();
  return {
    get: (key: string) => entries.get(key)?.value,
    *entries(): Iterable<[string, T]> {
      for (const [key, { value }] of entries) yield [key, value];
    },
    put(key: string, value: T, atMs: number) {
      entries.delete(key);
      entries.set(key, { value, atMs });
    },
    drop: (key: string) => void entries.delete(key),
    /** Answers how many. */
    forget(beforeMs: number): number {
      let gone = 0;
      for (const [key, { atMs }] of entries) {
        if (atMs >= beforeMs || gone === BITE) break;
        entries.delete(key);
        gone++;
      }
      return gone;
    },
  };
}
