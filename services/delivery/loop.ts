/**
 * The stage of the email lanes. What it does with a record is in deliver.ts.
 *
 * Every `handle` under way has or awaits a lease for one of its records. So with as many of them as there may be leases, the sender is never
 * idle while there is work, however slow one record is.
 */
import * as topics from "#domain/topics.ts";
import type { Delivery } from "#gen/carillon/event/v1/event_pb.ts";
import type { Batch, Stage } from "#platform/stage/stage.ts";
import { type DeliverNeeds, delivering, LEASED } from "./deliver.ts";
import { givenUp } from "./outcome.ts";
import { endOutput } from "./outputs.ts";
import { reporting } from "./report.ts";
import type { Sender } from "./sender.ts";

const BATCH = 20;
/**
 * Records in hand for each send at the same time, beside those with leases: enough that the next is ready, and so few that the last waits for
 * less than the watchdog's minute.
 */
const IN_HAND = 3;

/** High before medium before low, but no lane ever waits for an empty one. */
const weights = new Map([
  [topics.email.high, 16],
  [topics.email.medium, 4],
  [topics.email.low, 1],
]);

export interface LoopNeeds extends Omit<DeliverNeeds, "waiting"> {
  /** Who an environment's mails go to: `sender`, or another one instead. */
  readonly senderOf: (environment: string) => Promise<Sender>;
}

export const emailLoop = (needs: LoopNeeds): Stage<Delivery> => {
  const open = new Set<Batch<Delivery>>();
  /** Whoever waits for an answer, or for the lease of one who does to end, waits on purpose. */
  const waiting = () => {
    for (const batch of open) batch.waiting(needs.clock.nowMs());
  };
  const bySender = new Map([[needs.sender, delivering({ ...needs, waiting })]]);
  const deliveringBy = (sender: Sender) => {
    const deliver = bySender.get(sender) ?? delivering({ ...needs, sender, waiting });
    bySender.set(sender, deliver);
    return deliver;
  };
  const report = reporting(needs);
  const { width } = needs.sender;
  return {
    name: "email-workers",
    reads: [topics.email.high, topics.email.medium, topics.email.low],
    writes: [topics.deliveryEvents, topics.schedule],
    deadLetters: topics.deadEmail,
    oneInFlightPerKey: true,
    weights,
    ...{ batchSize: BATCH, concurrency: width * LEASED, window: width * (LEASED + IN_HAND) },
    async handle(batch) {
      open.add(batch);
      const results = await Promise.allSettled(
        batch.records.map(async (received) => deliveringBy(await needs.senderOf(received.value.environment))(received, batch)),
      );
      open.delete(batch);
      const failed = results.find((result) => result.status === "rejected");
      if (failed) throw failed.reason;
    },
    givenUp(record, value, reason) {
      if (!value) return [];
      const dead = givenUp(value, reason);
      report.ended(value, dead, reason);
      return [endOutput({ record, value }, dead, needs.clock.nowMs())];
    },
  };
};
