/** The process's ports, with points before and after what is done by them. */
import type { Ledger } from "#platform/ledger/ledger.ts";
import type { EventLog, Membership } from "#platform/log/log.ts";
import * as real from "../../../services/form.ts";
import { passing } from "./points.ts";

export * from "../../../services/form.ts";

export const openAdapters: typeof real.openAdapters = async (...given) => {
  const adapters = await real.openAdapters(...given);
  return {
    ...adapters,
    log: having<EventLog>(adapters.log, {
      append: (outputs) => passing("append", () => adapters.log.append(outputs)),
      join: async (...asked) => settling(await adapters.log.join(...asked)),
    }),
    ledger: having<Ledger>(adapters.ledger, {
      decideOnce: (drafts) => passing("decision", () => adapters.ledger.decideOnce(drafts)),
      intend: (tries, options) => passing("intent", () => adapters.ledger.intend(tries, options), idsOf(tries)),
      settle: (results) => passing("outcome", () => adapters.ledger.settle(results), idsOf(results)),
    }),
  };
};

const settling = (membership: Membership): Membership =>
  having<Membership>(membership, {
    // Without outputs nothing is appended.
    settle: (outputs, positions) =>
      outputs.length > 0 ? passing("append", () => membership.settle(outputs, positions)) : membership.settle(outputs, positions),
  });

const idsOf = (about: readonly { readonly deliveryId: string }[]): readonly string[] => about.map(({ deliveryId }) => deliveryId);

/** The same with these methods in place of its own. What a port is that this process does not use is seen when it is asked. */
const having = <Port extends object>(port: Port, methods: Partial<Port>): Port =>
  new Proxy(port, {
    get(target, name) {
      const own = methods[name as keyof Port] ?? target[name as keyof Port];
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
