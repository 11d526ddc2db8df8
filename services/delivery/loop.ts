/**
 * The stage of the email lanes. What it does with a record is in deliver.ts.
 *
 * Every record handed out is at once on its way into its integration, where the lanes' order decides. So the provider is never idle while
 * there is work, and one that is slow, out or without tokens keeps only its own waiting.
 */
import type { Reason } from "#domain/reasons.ts";
import * as topics from "#domain/topics.ts";
import type { Delivery } from "#gen/carillon/event/v1/event_pb.ts";
import type { Batch, Received, Stage } from "#platform/stage/stage.ts";
import { type DeliverNeeds, delivering } from "./deliver.ts";
import { inHand, type Route } from "./integration.ts";
import { weights } from "./lanes.ts";
import { givenUp } from "./outcome.ts";
import { endOutput, STAGE } from "./outputs.ts";
import { reporting } from "./report.ts";

const BATCH = 20;

export interface LoopNeeds extends Omit<DeliverNeeds, "waiting"> {
  /** Of live environments. */
  readonly live: Route;
  /** By which integrations an environment's mails go; undefined: there is no such environment. */
  readonly routeOf: (environment: string) => Promise<Route | undefined>;
}

export const emailLoop = (needs: LoopNeeds): Stage<Delivery> => {
  const open = new Set<Batch<Delivery>>();
  /** Whoever waits for an answer, or for the lease of one who does to end, waits on purpose. */
  const waiting = () => {
    for (const batch of open) batch.waiting(needs.clock.nowMs());
  };
  const deliver = delivering({ ...needs, waiting });
  const report = reporting(needs);
  const window = needs.live.reduce((sum, each) => sum + inHand(each), 0);
  const dead = ({ value }: Received<Delivery>, reason: Reason) => {
    const end = givenUp(value, reason);
    report.ended(value, end, needs.live[0].sender.id, reason);
    return end;
  };
  /** It came by a raw topic that is bound to what nobody has made; once it is there, the dead letter may be replayed. */
  const ownerless = (received: Received<Delivery>, batch: Batch<Delivery>) => {
    const end = dead(received, "no_environment");
    batch.bury(
      received,
      end.reason,
      `environment: there is no ${received.value.environment}`,
      endOutput(received, end, needs.clock.nowMs()),
    );
  };
  return {
    name: STAGE,
    reads: [topics.email.high, topics.email.medium, topics.email.low],
    writes: [topics.deliveryEvents, topics.schedule],
    deadLetters: topics.deadEmail,
    oneInFlightPerKey: true,
    weights,
    ...{ batchSize: BATCH, concurrency: window, window },
    async handle(batch) {
      open.add(batch);
      const results = await Promise.allSettled(
        batch.records.map(async (received) => {
          const route = await needs.routeOf(received.value.environment);
          if (route) await deliver(received, batch, route);
          else ownerless(received, batch);
        }),
      );
      open.delete(batch);
      const failed = results.find((result) => result.status === "rejected");
      if (failed) throw failed.reason;
    },
    givenUp(record, value, reason) {
      if (!value) return [];
      return [endOutput({ record, value }, dead({ record, value }, reason), needs.clock.nowMs())];
    },
  };
};
