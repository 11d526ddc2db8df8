/** What keeps the promises, broken on purpose, each by wrapping a port: a simulation that does not find these finds nothing. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Draft, Ledger } from "#platform/ledger/ledger.ts";
import type { Intents } from "#platform/ledger/once.ts";
import type { Breakers } from "#platform/limits/breaker.ts";
import type { Buckets } from "#platform/limits/bucket.ts";
import type { EventLog, Output } from "#platform/log/log.ts";
import type { DeadLetterStore } from "../../services/deadletters/store.ts";
import type { Outcome, Sender } from "../../services/delivery/sender.ts";
import type { ScheduleStore } from "../../services/scheduler/store.ts";
import type { HistoryStore } from "../../services/tracker/store.ts";
import type { Mutant } from "./mutant.ts";
import type { Meanings } from "./redis.ts";

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

/** Nothing is known of an earlier try of what may be sent at most once. */
const intents = (its: Intents): Intents => ({
  ...its,
  async begin(tries) {
    await its.begin(tries);
    return tries.map(() => ({ is: "send" }));
  },
});

/** What has sent nothing is left as if it might have. */
const withdraw = (its: Intents): Intents => ({ ...its, withdraw: async () => undefined });

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

/** What is written together is written in any order. */
const order = (log: EventLog): EventLog => ({
  ...log,
  append: (outputs) => log.append(outputs.toReversed()),
  async join(group, topics, member) {
    const membership = await log.join(group, topics, member);
    return { ...membership, settle: (outputs: readonly Output[], positions) => membership.settle(outputs.toReversed(), positions) };
  },
});

/** The last decision wins. */
const decideOnce = (ledger: Ledger): Ledger => ({
  ...ledger,
  decideOnce: async (drafts: readonly Draft[]) => drafts.map(({ decision }) => ({ decision, first: true, canceled: false })),
});

/** Whom a send would reach is not looked at. */
const bars = (ledger: Ledger): Ledger => ({
  ...ledger,
  intend: (tries, options) =>
    ledger.intend(
      tries.map((each) => ({ ...each, reaches: [] })),
      options,
    ),
});

/** Nor when a lease is asked about once more. */
const again = (ledger: Ledger): Ledger => ({
  ...ledger,
  extend: (leases) => ledger.extend(leases.map((each) => ({ ...each, reaches: [] }))),
});

/** Who loads the ledger back is believed, whoever is at it by now. */
const fence = (meanings: Meanings): Meanings => {
  const unfenced =
    (meaning: Meanings["end"]): Meanings["end"] =>
    (keys, names, args) => {
      keys.set(names[0] as string, args[0] as string);
      return meaning(keys, names, args);
    };
  return { ...meanings, reach: unfenced(meanings.reach), end: unfenced(meanings.end) };
};

/** Nobody was ever erased, for who asks behind a write. */
const erasures = (ledger: Ledger): Ledger => ({ ...ledger, erasedAt: async (_, whoms) => whoms.map(() => 0) });

const answering = (sender: Sender, answer: (outcome: Outcome) => Outcome): Sender => ({
  ...sender,
  send: async (...given) => answer(await sender.send(...given)),
});

/** No answer passes for no connection. */
const failover = (sender: Sender): Sender =>
  answering(sender, (outcome) => (outcome.is === "unknown" ? { ...outcome, is: "outage" } : outcome));

/** A provider that is out is taken for one that refuses this message. */
const attempts = (sender: Sender): Sender =>
  answering(sender, (outcome) => (outcome.is === "outage" ? { ...outcome, is: "retry" } : outcome));

/** A result counts whenever it began. */
const generation = (breakers: Breakers): Breakers => ({
  ...breakers,
  async report(result) {
    const [now] = await breakers.read([result.integration]);
    return breakers.report({ ...result, generation: now?.generation ?? 0 });
  },
});

/** Nobody may probe. */
const probe = (breakers: Breakers): Breakers => ({
  ...breakers,
  async probe({ integration }) {
    const [now] = await breakers.read([integration]);
    return { ...(now as NonNullable<typeof now>), granted: false };
  },
});

/** There is a token for everybody. */
const tokens = (buckets: Buckets): Buckets => ({
  ...buckets,
  take: async (ask) => ({ ...(await buckets.take(ask)), granted: ask.wanted }),
});

/** What is due is forgotten before it is passed on. */
const schedule = (store: ScheduleStore): ScheduleStore => ({
  ...store,
  async due(nowMs, limit) {
    const waits = await store.due(nowMs, limit);
    await store.remove(waits.map(({ id }) => id));
    return waits;
  },
});

/** Each replay is a cycle of its own. */
const replay = (store: DeadLetterStore): DeadLetterStore => {
  let cycles = 0;
  return {
    ...store,
    async find(environment, ids) {
      cycles++;
      return (await store.find(environment, ids)).map((letter) => {
        if (letter?.queue !== "dlq-email" || letter.deliveryId === "") return letter;
        const delivery = fromBinary(DeliverySchema, letter.original.value);
        return { ...letter, original: { ...letter.original, value: toBinary(DeliverySchema, { ...delivery, cycle: cycles }) } };
      });
    },
  };
};

/** A repeat is another event. */
const history = (store: HistoryStore): HistoryStore => {
  let events = 0;
  return { ...store, record: (recorded) => store.record(recorded.map((each) => ({ ...each, eventId: `${each.eventId} ${events++}` }))) };
};

/** Each with the promise that it breaks, as the search for it tells, and for a rare one the seed where that begins. */
export const mutants = {
  lease: { breaks: "I2", ledger: lease },
  "at-most-once": { breaks: "what may be sent at most once is", ledger: atMostOnce },
  intents: { breaks: "what may be sent at most once is", intents },
  withdraw: { breaks: "an end has its cause", from: 600, intents: withdraw },
  watermark: { breaks: "I4", log: watermark },
  "decide-once": { breaks: "a decision is recorded once", from: 60, ledger: decideOnce },
  schedule: { breaks: "I1", schedule },
  failover: { breaks: "I2: under one lease", sender: failover },
  order: { breaks: "I3", log: order },
  history: { breaks: "I5", history },
  probe: { breaks: "I6", from: 20, breakers: probe },
  bars: { breaks: "I8: nothing starts", ledger: bars },
  again: { breaks: "I8: nothing starts", ledger: again },
  erasures: { breaks: "I8: nothing is left", ledger: erasures },
  restore: { breaks: "I8: what is called whole", restore: () => async () => undefined },
  fence: { breaks: "I8: what is called whole", from: 640, restorer: fence },
  replay: { breaks: "what is replayed has died before", letters: replay },
  generation: { breaks: "a breaker goes by", from: 140, breakers: generation },
  tokens: { breaks: "no more is sent than there are tokens", buckets: tokens },
  attempts: { breaks: "waiting burns no attempt", sender: attempts },
} satisfies Record<string, Mutant & { readonly breaks: string; readonly from?: number }>;

export type MutantName = keyof typeof mutants;
