/**
 * One send by one integration: in its turn, with a lease that is fresh, and as its breaker lets it.
 *
 * A lease that is not fresh is asked about once more, just before the provider is: whoever stood still or waited may have lost it, and may have
 * missed a cancel, a suppression or an erasure.
 *
 * A message has to be handed over within 12 s, counted from before its lease of 17 s begins. Once it is, the answer is worth minutes, since
 * without it nobody knows whether to send again: its lease is kept alive (patience.ts), and the next may go to the provider.
 */
import type { Logger } from "pino";
import type { Delivery } from "#gen/carillon/event/v1/event_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Received } from "#platform/stage/stage.ts";
import type { DeliveryMetrics } from "#platform/telemetry/deliveries.ts";
import type { Tracer } from "#platform/telemetry/trace.ts";
import type { Breaker } from "./breaker.ts";
import type { Integration } from "./integration.ts";
import { type Ended, endAgain, type Held, heldBack } from "./outcome.ts";
import { LEASE_MS, type Lease, type Patience } from "./patience.ts";
import type { Mail, Outcome } from "./sender.ts";
import { sendSpan } from "./span.ts";
import { waitingOf } from "./telling.ts";

/** What is this young is as good as asked now: about as long as a mail is on its way to a provider at all. */
const FRESH_MS = 100;
/** Leaves what is over of a lease for telling the outcome. */
const HAND_OVER_MS = LEASE_MS - 5_000;
/** From when an answer begins to take long. RFC 5321 section 4.5.3.2.6 asks for ten; in five a server that answers at all has answered. */
const ANSWER_MS = 5 * 60_000;
/** One for all: the reason that an abort makes by itself costs a stack trace a send. */
const OVER = new Error("The time of this send is over.");

const CALLED_OFF = "called_off";
const BREAKER_OPEN = "breaker_open";
const PAUSED = "paused";
const STALLED = "stalled";
const LEDGER_AWAY = "ledger_away";

export interface SendingNeeds {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DeliveryMetrics;
  readonly tracer: Tracer;
  readonly patience: Patience;
}

/** Lost: somebody else holds the lease by now. Then, and when it was held back or barred, nothing was sent. */
type Unsent = "lost" | Held | Ended;

export type Send = (
  by: Integration,
  received: Received<Delivery>,
  signal: AbortSignal,
  mail: Mail,
  lease: Lease,
  /** Something was tried under the lease already: it is not fresh, however young. */
  again?: boolean,
) => Promise<Outcome | Unsent>;

export function sendingWith({ clock, logger, metrics, tracer, patience }: SendingNeeds): Send {
  return async ({ sender, turns, breaker }, received, signal, mail, lease, again = false) => {
    const held = () => heldBack(waitingOf(received.value), clock.nowMs());
    const before = held();
    if (before) return before;
    const pass = await turns.take(signal).catch(() => undefined);
    if (!pass) return { is: "outage", code: CALLED_OFF, detail: "This process ended before it was the message's turn." };
    try {
      let letMs = lease.sinceMs;
      // Less than no time: the clock was set back, and nobody knows how long it was.
      const isStale = () => clock.nowMs() - letMs > FRESH_MS || clock.nowMs() < letMs;
      if (again || isStale()) {
        const barred = await asked();
        if (barred) return barred;
        letMs = clock.nowMs();
      }
      const meanwhile = held();
      if (meanwhile) return meanwhile;
      const generation = await breaker.admit();
      if (generation === undefined) {
        if (breaker.isPaused()) return { is: "outage", code: PAUSED, detail: "An operator has paused it." };
        return { is: "outage", code: BREAKER_OPEN, detail: "The provider was out for others, and is not asked for a while." };
      }
      // It was granted a probe, and had to wait for that. One that comes to nothing now runs out.
      if (isStale()) {
        const barred = (await asked()) ?? held();
        if (barred) return barred;
      }
      const span = sendSpan(tracer, received, sender.id);
      const { attempt, wait } = received.value;
      const outcome = await sent(mail, lease, pass, attempt + wait > 0);
      tell(breaker, outcome, generation, signal);
      span?.set({ "carillon.outcome": outcome.is });
      span?.end(outcome.is === "accepted" ? undefined : outcome.code);
      return outcome;
    } finally {
      pass();
    }

    /** Whether the lease is still held, and a send of it may start; undefined: so it is. */
    async function asked(): Promise<Outcome | Unsent | undefined> {
      const hold = await patience.renew(lease).catch((error) => {
        logger.warn({ err: error, deliveryId: lease.deliveryId }, "the ledger could not be asked whether a message may be sent");
      });
      if (hold === "lost") return hold;
      if (hold === undefined) return { is: "outage", code: LEDGER_AWAY, detail: "The ledger could not be asked whether this may be sent." };
      return hold === "held" ? undefined : endAgain(hold, received.value);
    }

    async function sent(mail: Mail, lease: Lease, pass: () => void, again: boolean): Promise<Outcome> {
      const startedMs = clock.nowMs();
      const leftMs = HAND_OVER_MS - (startedMs - lease.sinceMs);
      if (leftMs <= 0) return { is: "outage", code: STALLED, detail: "This process stood still for longer than a send may take." };
      const over = new AbortController();
      const answered = new AbortController();
      let isHandedOver = false;
      void clock.sleep(leftMs, answered.signal).then(async () => {
        if (isHandedOver && !answered.signal.aborted) {
          pass();
          await waited(lease, answered.signal);
        }
        over.abort(OVER);
      });
      try {
        const outcome = await sender.send(mail, over.signal, () => {
          isHandedOver = true;
        });
        metrics.asked({ provider: sender.id, outcome: outcome.is, again }, (clock.nowMs() - startedMs) / 1_000);
        return outcome;
      } finally {
        // A reason of its own: the default one is an error with a stack, a tenth of what the whole delivery costs.
        answered.abort("answered");
      }
    }

    async function waited(lease: Lease, answered: AbortSignal): Promise<void> {
      logger.info({ deliveryId: lease.deliveryId }, "a message was handed over and is not answered yet, waiting on");
      metrics.overdue({ provider: sender.id }, 1);
      await patience.wait(lease, ANSWER_MS, answered);
      metrics.overdue({ provider: sender.id }, -1);
    }
  };
}

/** A provider that answers serves, whatever it says of one message; one that never does is out. What this process did to itself says nothing. */
function tell(breaker: Breaker, outcome: Outcome, generation: number, signal: AbortSignal): void {
  const isOut = outcome.is === "outage" || outcome.is === "unknown";
  if (!isOut) breaker.met("success", generation);
  else if (!signal.aborted && outcome.code !== STALLED) breaker.met("failure", generation);
}

export const isUnsent = (outcome: Outcome | Unsent): outcome is Unsent =>
  outcome === "lost" || "by" in outcome || outcome.is === "deferred";

/** Whether the provider was asked: an outage may be none of its own. */
export const wasAsked = (outcome: Outcome | Unsent): outcome is Outcome =>
  !isUnsent(outcome) && !(outcome.is === "outage" && [CALLED_OFF, BREAKER_OPEN, PAUSED, STALLED, LEDGER_AWAY].includes(outcome.code));
