/** A ledger that tells Prometheus what it answered, and how long it took. */
import type { Registry } from "prom-client";
import { counter, histogram } from "#platform/telemetry/metric.ts";
import type { Ledger } from "./ledger.ts";

const answersTotal = counter({
  name: "carillon_ledger_answers_total",
  help: "What the ledger answered: to decisions (first or an earlier one), to sends that asked to begin, to leases to be extended, and to outcomes.",
  labels: {
    call: "decide, intend, extend, settle",
    answer:
      "decide: first, earlier; intend: send, settled, repeat, leased, unknown (a lease ran out with the send unresolved), unresolved (the same, of one " +
      "that may be sent at most once), malformed, canceled, suppressed, erased; extend: held, lost, canceled, suppressed, erased; settle: taken, late " +
      "(somebody else has taken the send over, which may have happened twice)",
  },
});
const callSeconds = histogram({
  name: "carillon_ledger_seconds",
  help: "How long the ledger took for one call, which may be about many deliveries.",
  labels: { call: "decide, undecide, intend, extend, settle, cancel, suppress, erase, erased, states" },
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
});

export function measuredLedger(ledger: Ledger, metrics: Registry): Ledger {
  const answers = answersTotal.on(metrics);
  const seconds = callSeconds.on(metrics);
  const timed = async <T>(call: string, work: Promise<T>): Promise<T> => {
    const end = seconds.startTimer({ call });
    try {
      return await work;
    } finally {
      end();
    }
  };
  return {
    async decideOnce(drafts) {
      const decided = await timed("decide", ledger.decideOnce(drafts));
      for (const { first } of decided) answers.inc({ call: "decide", answer: first ? "first" : "earlier" });
      return decided;
    },
    undecide: (unread) => timed("undecide", ledger.undecide(unread)),
    async intend(tries, options) {
      const intents = await timed("intend", ledger.intend(tries, options));
      for (const { is } of intents) answers.inc({ call: "intend", answer: is });
      return intents;
    },
    async extend(leases) {
      const holds = await timed("extend", ledger.extend(leases));
      for (const hold of holds) answers.inc({ call: "extend", answer: hold });
      return holds;
    },
    async settle(results) {
      const taken = await timed("settle", ledger.settle(results));
      for (const is of taken) answers.inc({ call: "settle", answer: is ? "taken" : "late" });
      return taken;
    },
    cancel: (cancel) => timed("cancel", ledger.cancel(cancel)),
    suppress: (suppressed) => timed("suppress", ledger.suppress(suppressed)),
    erase: (erased) => timed("erase", ledger.erase(erased)),
    erasedAt: (environment, whoms) => timed("erased", ledger.erasedAt(environment, whoms)),
    statesOf: (of) => timed("states", ledger.statesOf(of)),
  };
}
