/**
 * A send by the first integration of a route that takes it.
 *
 * Where nothing was handed over (an outage, a breaker that opened meanwhile) the next one is tried at once, under the same lease, unless
 * that was lost or barred meanwhile. Where nobody knows whether something was, no other is tried: the lease has to run out first, and then it
 * is a repeat like any other, or, where it may be sent at most once, none.
 */
import type { Delivery } from "#gen/carillon/event/v1/event_pb.ts";
import type { Received } from "#platform/stage/stage.ts";
import type { DeliveryMetrics } from "#platform/telemetry/deliveries.ts";
import type { Integration, Route } from "./integration.ts";
import { laneOf } from "./lanes.ts";
import type { Said } from "./outputs.ts";
import type { Lease } from "./patience.ts";
import type { Mail } from "./sender.ts";
import { isUnsent, type Send, wasAsked } from "./sending.ts";

export interface FailoverNeeds {
  readonly send: Send;
  readonly metrics: Pick<DeliveryMetrics, "failedOver">;
}

interface Sending {
  readonly received: Received<Delivery>;
  readonly route: Route;
  /** The first, which the record has been let into. */
  readonly by: Integration;
  readonly mail: Mail;
  readonly lease: Lease;
  readonly signal: AbortSignal;
}

export interface Tried {
  readonly outcome: Awaited<ReturnType<Send>>;
  /** Whose outcome it is. */
  readonly by: Integration;
  /** Whether the first was asked. */
  readonly asked: boolean;
  /** What those said who were asked before it, and were out. */
  readonly missed: NonNullable<Said["missed"]>;
}

/** For the way into another integration: a lease is not kept waiting for long. */
const WAY_MS = 2_000;

export function failingOver({ send, metrics }: FailoverNeeds): (sending: Sending) => Promise<Tried> {
  return async ({ received, route, by, mail, lease, signal }) => {
    const first = await send(by, received, signal, mail, lease);
    let last: Pick<Tried, "outcome" | "by"> = { outcome: first, by };
    const missed: Tried["missed"][number][] = [];
    const left = new Set(route.filter((each) => each !== by));
    while (!isUnsent(last.outcome) && last.outcome.is === "outage" && !signal.aborted) {
      const next = [...left].find(({ breaker }) => breaker.mayTry());
      if (!next) break;
      left.delete(next);
      const { atMostOnce } = received.value;
      const asking = { lane: laneOf(received.record.topic), again: true, atMostOnce, signal, mostMs: WAY_MS };
      const way = await next.gate.enter(asking).catch(() => undefined);
      if (way?.is !== "in") break;
      metrics.failedOver({ from: last.by.sender.id, to: next.sender.id });
      let isAsked = false;
      try {
        const outcome = await send(next, received, signal, mail, lease, true);
        isAsked = wasAsked(outcome);
        // Who was not asked has nothing to say of an outage.
        if (isAsked || isUnsent(outcome)) {
          if (wasAsked(last.outcome)) missed.push({ provider: last.by.sender.id, detail: last.outcome.detail });
          last = { outcome, by: next };
        }
      } finally {
        way.leave(isAsked ? undefined : "unused");
      }
    }
    return { ...last, asked: wasAsked(first), missed };
  };
}
