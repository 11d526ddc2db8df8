/**
 * One delivery: a way in, lease, send, settle; then the record is done with its event, and where it has to come again, with one for the
 * schedule.
 *
 * A send begins when its lease is durable, and ends when its outcome is in the ledger; the provider is busy with it for a part of that
 * time only. So twice as many are let into an integration (gate.ts) as its sender is wide: while some are with the provider, the ledger
 * writes for the others. At most that many sends are unresolved at any moment, and a death of the process may repeat them. Calls of the
 * ledger are gathered over all records under way.
 *
 * A send that may happen at most once also needs what keeps its intent (platform/ledger/once.ts). While that is away (intents.ts) those that
 * have not begun go to the schedule, so that they hold up no others; those that were sent stay until it has taken their outcomes, and at most
 * half of an integration's way in is theirs.
 *
 * Who has no way in, or would have to wait for long, has no lease yet: it goes to the schedule as it is, without the ledger, which tells
 * what came of it when it comes again.
 *
 * The ledger is settled before the record is done. If the process dies in between, the record comes again, and the ledger's answer
 * (settled, or what it expects next) tells which outputs to make once more: with the same ids and times, so that nothing is missing from
 * the log, and nothing in it or in the stats twice.
 *
 * A send whose answer is missing in the end keeps its lease, which runs out; the next try then finds it unresolved and sends again, or, where
 * it may be sent at most once, gives it up.
 *
 * A lease is a try's, not its process's: who stood still past its lease, and has the same record in hand again, is two. What the first of them
 * comes to is not taken from then on, and it tells nothing; the ledger knows the rest when the record comes again.
 */
import type { Logger } from "pino";
import { outageWait } from "#domain/decide/retry.ts";
import type { Delivery } from "#gen/carillon/event/v1/event_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Ledger, Settled, Try } from "#platform/ledger/ledger.ts";
import { reachOf } from "#platform/ledger/reach.ts";
import type { WordsOf } from "#platform/render/content.ts";
import type { Batch, Received } from "#platform/stage/stage.ts";
import type { DeliveryMetrics } from "#platform/telemetry/deliveries.ts";
import type { Tracer } from "#platform/telemetry/trace.ts";
import { compose } from "./compose.ts";
import { failingOver } from "./failover.ts";
import { gather } from "./gather.ts";
import type { Route } from "./integration.ts";
import { type Answering, answeringOf, isUnavailable } from "./intents.ts";
import { laneOf } from "./lanes.ts";
import { afterLease, endAgain, expired, follow, putOff, unasked, waitAgain } from "./outcome.ts";
import { LEASE_MS, type Lease, patienceOf } from "./patience.ts";
import type { Mailbox } from "./sender.ts";
import { sendingWith } from "./sending.ts";
import { heardOf, type Told, telling, waitingOf } from "./telling.ts";

export interface DeliverNeeds {
  readonly ledger: Pick<Ledger, "intend" | "extend" | "settle">;
  readonly wordsOf: WordsOf;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DeliveryMetrics;
  readonly tracer: Tracer;
  readonly worker: string;
  readonly from: Mailbox;
  readonly maxRetryCount: number;
  /** Called again and again while an answer takes long. */
  readonly waiting: () => void;
}

const SETTLE_AGAIN_MS = 500;
const SETTLE_AGAIN_MOST_MS = 4_000;
const IN_LINE_MS = 60_000;

/** One record on its way: by which integrations it may go, and by which it goes. */
interface Going extends Told {
  readonly route: Route;
}

export function delivering(needs: DeliverNeeds): (received: Received<Delivery>, batch: Batch<Delivery>, route: Route) => Promise<void> {
  const { ledger, wordsOf, clock, logger, metrics, tracer, worker, from, maxRetryCount } = needs;
  /** Sends that may happen at most once, before their way in. */
  const before = new Set<Told>();
  const intents = answeringOf({
    clock,
    away() {
      for (const gate of new Set([...before].map(({ by }) => by.gate))) gate.turnAway(({ atMostOnce = false }) => atMostOnce);
    },
  });
  const intend = apart(intents, (tries: readonly Try[]) => ledger.intend(tries));
  const settle = apart(intents, (results: readonly Settled[]) => ledger.settle(results));
  let tries = 0;
  const tell = telling(needs);
  const send = failingOver({ send: sendingWith({ clock, logger, metrics, tracer, patience: patienceOf(needs) }), metrics });

  return async (received, batch, route) => {
    const { value, record } = received;
    const { atMostOnce } = value;
    const asking = { lane: laneOf(record.topic), again: value.wait > 0, atMostOnce, signal: batch.signal };
    for (;;) {
      const by = route.find(({ breaker }) => breaker.mayTry());
      const nowMs = clock.nowMs();
      const away = route.every(({ breaker }) => breaker.isPaused()) ? "provider_paused" : "provider_unavailable";
      if (!by) return wait({ received, batch, route, by: route[0] }, away, nowMs + outageWait(value));
      // With a rate twice as many are in hand, which may take twice as long.
      if (by.rate) batch.waiting(nowMs + IN_LINE_MS);
      const going = { received, batch, route, by };
      if (atMostOnce && intents.isAway()) return later(going);
      if (atMostOnce) before.add(going);
      const entered = await by.gate.enter(asking).finally(() => before.delete(going));
      if (entered.is === "booked") return wait(going, "rate_limited", clock.nowMs() + entered.waitMs);
      if (entered.is === "away") continue;
      let isAsked = false;
      try {
        await one(going, () => {
          isAsked = true;
        });
      } finally {
        entered.leave(isAsked ? undefined : "unused");
      }
      return;
    }
  };

  /** Without a lease, since nobody tries. */
  async function wait(going: Going, reason: "provider_paused" | "provider_unavailable" | "rate_limited", dueAtMs: number): Promise<void> {
    const put = putOff(waitingOf(going.received.value), reason, dueAtMs);
    if (put) tell.deferred(going, put, clock.nowMs());
    // Its end is the ledger's to keep.
    else await one({ ...going, isOver: true });
  }

  /** Without an intent, since it cannot be had. */
  function later(going: Going): void {
    const { value } = going.received;
    const nowMs = clock.nowMs();
    tell.deferred(going, unasked(value, nowMs + outageWait(value)), nowMs);
  }

  /**
   * `asked` is called when its provider was asked, however that ends. `isOver`: it is not to be sent, since it would have to wait past its
   * expiry.
   */
  async function one(going: Going & { readonly isOver?: boolean }, asked?: () => void): Promise<void> {
    const { received, batch, route, by, isOver = false } = going;
    const { value } = received;
    const words = await wordsOf(value);
    const askedMs = clock.nowMs();
    const mail = "unsendable" in words ? words : compose(value, words, from, askedMs);
    if ("unsendable" in mail) {
      tell.unsendable(going, mail);
      return;
    }

    const { environment, notificationId, deliveryId, cycle, target, attempt, wait, atMostOnce } = value;
    const about = { environment, notificationId, deliveryId, cycle, target, worker: `${worker}/${++tries}`, atMostOnce };
    const whom = { reaches: reachOf(value), acceptedAtMs: Number(value.acceptedAtMs) };
    const intent = await intend({ ...about, ...whom, attempt, wait, leaseMs: LEASE_MS }).catch((error: unknown) => {
      if (atMostOnce && isUnavailable(error)) return { is: "away" } as const;
      throw error;
    });
    const nowMs = clock.nowMs();
    received.span?.event("ledger answered", { "carillon.intent": intent.is });
    switch (intent.is) {
      case "settled":
        tell.ended(going, endAgain(intent.state, intent.by), intent.atMs);
        return;
      case "repeat":
        tell.repeated(
          going,
          intent.expected && { put: waitAgain(waitingOf(value), intent.expected, intent.expected.atMs), atMs: intent.expected.atMs },
        );
        return;
      case "canceled":
      case "suppressed":
      case "erased":
      case "unresolved":
        tell.ended(going, endAgain(intent.is, { attempt, wait }), intent.atMs);
        return;
      case "leased":
        tell.deferred(going, afterLease(value, intent.untilMs), nowMs);
        return;
      case "away":
        later(going);
        return;
      case "malformed":
        tell.unsendable(going, { unsendable: "ledger_malformed", detail: intent.detail });
        return;
    }

    const lease: Lease = { ...about, ...whom, sinceMs: askedMs, untilMs: nowMs + LEASE_MS };
    const conclude = (state: Settled["state"], atMs: number) => settled({ ...about, state, atMs }, batch.signal);
    const tried = isOver
      ? ({ outcome: expired({ attempt, wait }), by, asked: false, missed: [] } as const)
      : await send({ received, route, by, mail, lease, signal: batch.signal });
    if (tried.asked) asked?.();
    const { outcome } = tried;
    const atMs = clock.nowMs();
    const lost = () => tell.deferred(going, afterLease(value, atMs + LEASE_MS), atMs);
    if (outcome === "lost") return lost();
    if ("by" in outcome) {
      if (!(await conclude(outcome.is, atMs))) return lost();
      tell.ended(going, outcome, atMs);
      return;
    }
    if (outcome.is === "deferred") {
      // What may have been sent stays unresolved: its lease runs out once more.
      if (intent.is === "send" && !(await conclude({ released: outcome.next }, atMs))) return lost();
      tell.deferred(going, outcome, atMs);
      return;
    }
    // Called off with nothing known: nothing is told, and whoever has the record next meets the lease.
    if (outcome.is === "unknown" && batch.signal.aborted) throw batch.signal.reason;
    const next = follow(outcome, waitingOf(value), { maxRetryCount, nowMs: atMs, leaseUntilMs: lease.untilMs });
    const isUnresolved = next.is === "deferred" && outcome.is === "unknown";
    const state = next.is === "deferred" ? { released: next.next } : next.is;
    if (!isUnresolved && !(await conclude(state, atMs))) return lost();
    const gone = { ...going, by: tried.by };
    const heard = heardOf(outcome, tried.by, tried.missed);
    const resent = next.is === "sent" && intent.is === "unknown";
    if (next.is === "deferred") tell.deferred(gone, next, atMs, heard);
    else tell.ended(gone, resent ? { ...next, reason: "send_unresolved" } : next, atMs, heard);
  }

  /**
   * The outcome is known here and nowhere else, so it is told again and again: without it the mail would be sent once more. A record that was
   * called off may be in other hands when its lease ends, by the time that has passed, whatever the clock says. Answers whether it was taken.
   */
  async function settled(result: Settled, signal: AbortSignal): Promise<boolean> {
    let sleptMs = 0;
    for (let againMs = SETTLE_AGAIN_MS; ; againMs = Math.min(againMs * 2, SETTLE_AGAIN_MOST_MS)) {
      try {
        const taken = await settle(result);
        const { deliveryId, state } = result;
        if (!taken) logger.warn({ deliveryId, state }, "an outcome came after its send had been taken over: it may have happened twice");
        return taken;
      } catch (error) {
        if (signal.aborted && sleptMs >= LEASE_MS) throw error;
        logger.warn({ err: error, deliveryId: result.deliveryId }, "the ledger did not take an outcome, telling it again");
        needs.waiting();
        await clock.sleep(againMs);
        sleptMs += againMs;
      }
    }
  }
}

/** One call of many, with those apart that may happen at most once: what keeps their intents may be away while the rest goes on. */
function apart<T extends { readonly atMostOnce?: boolean }, R>(
  intents: Answering,
  run: (items: readonly T[]) => Promise<readonly R[]>,
): (item: T) => Promise<R> {
  const [once, others] = [gather((items: readonly T[]) => intents.during(() => run(items))), gather(run)];
  return (item) => (item.atMostOnce ? once(item) : others(item));
}
