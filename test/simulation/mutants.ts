/** What keeps the promises, broken on purpose, each by wrapping its port: a simulation that does not find these finds nothing. */
import type { Draft, Ledger } from "#platform/ledger/ledger.ts";
import type { EventLog } from "#platform/log/log.ts";
import type { Mutant } from "./engines.ts";

/** Whoever asks may send. */
const lease = (ledger: Ledger): Ledger => ({
  ...ledger,
  async intend(tries, options) {
    await ledger.intend(tries, options);
    return tries.map(() => ({ is: "send" }));
  },
});

/** What may be sent at most once is sent again like everything else. */
const atMostOnce = (ledger: Ledger): Ledger => ({
  ...ledger,
  intend: (tries, options) =>
    ledger.intend(
      tries.map((each) => ({ ...each, atMostOnce: false })),
      options,
    ),
});

/** A position is where the reading is, not where the work is. */
const watermark = (log: EventLog): EventLog => ({
  ...log,
  async join(group, topics, member) {
    const read = new Map<string, number>();
    const placeOf = ({ topic, partition, epoch }: { topic: { name: string }; partition: number; epoch: number }) =>
      `${topic.name}/${partition} ${epoch}`;
    const membership = await log.join(group, topics, {
      assigned: (assignments) => member.assigned(assignments),
      revoked: (assignments) => member.revoked(assignments),
      deliver(assignment, records) {
        read.set(placeOf(assignment), (records.at(-1)?.offset ?? 0) + 1);
        member.deliver(assignment, records);
      },
    });
    return {
      ...membership,
      settle: (outputs, positions) =>
        membership.settle(
          outputs,
          positions.map((position) => ({ ...position, next: read.get(placeOf(position)) ?? position.next })),
        ),
    };
  },
});

/** The last decision wins. */
const decideOnce = (ledger: Ledger): Ledger => ({
  ...ledger,
  decideOnce: async (drafts: readonly Draft[]) => drafts.map(({ decision }) => ({ decision, first: true, canceled: false })),
});

export const mutants = {
  lease: { ledger: lease },
  "at-most-once": { ledger: atMostOnce },
  watermark: { log: watermark },
  "decide-once": { ledger: decideOnce },
} satisfies Record<string, Mutant>;

export type MutantName = keyof typeof mutants;
