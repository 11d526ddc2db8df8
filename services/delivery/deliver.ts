/**
 * One delivery: lease, send, settle; then the record is done with its event, and where it has to come again, with one for the schedule.
 *
 * A send begins when its lease is durable, and ends when its outcome is in the ledger; the provider is busy with it for a part of that
 * time only. So twice as many have a lease as the sender is wide: while some are with the provider, the ledger writes for the others. At
 * most that many sends are unresolved at any moment, and a death of the process may repeat them. Calls of the ledger are gathered over all
 * records under way.
 *
 * A message has to be handed over within 12 s, counted from before its lease of 17 s begins. Once it is, the answer is worth minutes, since
 * without it nobody knows whether to send again: its lease is kept alive (patience.ts), and the next may go to the provider.
 *
 * The ledger is settled before the record is done. If the process dies in between, the record comes again, and the ledger's answer
 * (settled, or what it expects next) tells which outputs to make once more: with the same ids and times, so that nothing is missing from
 * the log, and nothing in it or in the stats twice.
 *
 * A send whose answer is missing in the end keeps its lease, which runs out; the next try then finds it unresolved and sends again.
 */
import type { Logger } from "pino";
import type { Delivery } from "#gen/carillon/event/v1/event_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Ledger, Progress, Settled } from "#platform/ledger/ledger.ts";
import type { WordsOf } from "#platform/render/content.ts";
import type { Batch, Received } from "#platform/stage/stage.ts";
import type { DeliveryMetrics } from "#platform/telemetry/deliveries.ts";
import type { Tracer } from "#platform/telemetry/trace.ts";
import { compose, type Unsendable } from "./compose.ts";
import { gather } from "./gather.ts";
import { outageWatch } from "./outage.ts";
import {
  afterLease,
  type Deferred,
  type Ended,
  endAgain,
  follow,
  givenUp,
  type Held,
  heldBack,
  type Waiting,
  waitAgain,
} from "./outcome.ts";
import { deferralOutputs, endOutput, type Said } from "./outputs.ts";
import { LEASE_MS, type Lease, patienceOf } from "./patience.ts";
import { permitsOf } from "./permits.ts";
import { reporting } from "./report.ts";
import type { Mail, Mailbox, Outcome, Sender } from "./sender.ts";
import { sendSpan } from "./span.ts";

export interface DeliverNeeds {
  readonly ledger: Pick<Ledger, "intend" | "extend" | "settle">;
  readonly sender: Sender;
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

/** Leases for each send at the same time. */
export const LEASED = 2;
/** A lease that has waited longer for its turn begins anew. */
const FRESH_MS = 2_000;
/** Leaves what is over of a lease for telling the outcome. */
const HAND_OVER_MS = LEASE_MS - 5_000;
/** RFC 5321 section 4.5.3.2.6 asks for ten; in five a server that answers at all has answered. */
const ANSWER_MS = 5 * 60_000;
const SETTLE_AGAIN_MS = 500;
const SETTLE_AGAIN_MOST_MS = 4_000;
/** One for all: the reason that an abort makes by itself costs a stack trace a send. */
const OVER = new Error("The time of this send is over.");

/** What was heard of the provider: `said` for the event, `code` for the log. */
interface Heard {
  readonly said?: Said;
  readonly code?: string;
}

export function delivering(needs: DeliverNeeds): (received: Received<Delivery>, batch: Batch<Delivery>) => Promise<void> {
  const { ledger, sender, wordsOf, clock, logger, metrics, tracer, worker, from, maxRetryCount } = needs;
  const leases = permitsOf(LEASED * sender.width);
  const turns = permitsOf(sender.width);
  const intend = gather((tries: Parameters<Ledger["intend"]>[0]) => ledger.intend(tries));
  const settle = gather((results: readonly Settled[]) => ledger.settle(results).then(() => results));
  const report = reporting(needs);
  const outages = outageWatch({ logger, provider: sender.id });
  const patience = patienceOf(needs);
  metrics.overdue({ provider: sender.id }, 0);

  return async (received, batch) => {
    const give = await leases.take(batch.signal);
    try {
      await one(received, batch);
    } finally {
      give();
    }
  };

  async function one(received: Received<Delivery>, batch: Batch<Delivery>): Promise<void> {
    const { value } = received;
    const words = await wordsOf(value);
    const askedMs = clock.nowMs();
    const mail = "unsendable" in words ? words : compose(value, words, from, askedMs);
    if ("unsendable" in mail) return buryUnsendable(received, batch, mail);

    const { environment, notificationId, deliveryId, cycle, target, attempt, wait } = value;
    const send = { environment, notificationId, deliveryId, cycle, target, worker };
    const intent = await intend({ ...send, attempt, wait, leaseMs: LEASE_MS });
    const nowMs = clock.nowMs();
    received.span?.event("ledger answered", { "carillon.intent": intent.is });
    switch (intent.is) {
      case "settled":
        return end(received, batch, endAgain(intent.state, intent.by), intent.atMs);
      case "repeat":
        report.repeat(value);
        return batch.done(received, ...(intent.expected ? again(received, intent.expected) : []));
      case "canceled":
        return end(received, batch, endAgain("canceled", { attempt, wait }), intent.atMs);
      case "leased":
        return defer(received, batch, afterLease(value, intent.untilMs), nowMs);
    }

    const lease: Lease = { ...send, sinceMs: askedMs, untilMs: nowMs + LEASE_MS };
    const conclude = (state: Settled["state"], atMs: number) => settled({ ...send, state, atMs }, lease, batch.signal);
    const outcome = await inTurn(received, batch.signal, mail, lease);
    const atMs = clock.nowMs();
    if (outcome === "lost") return defer(received, batch, afterLease(value, atMs + LEASE_MS), atMs);
    if (outcome.is === "expired") {
      await conclude(outcome.is, atMs);
      return end(received, batch, outcome, atMs);
    }
    if (outcome.is === "deferred") {
      // What may have been sent stays unresolved: its lease runs out once more.
      if (intent.is === "send") await conclude({ released: outcome.next }, atMs);
      return defer(received, batch, outcome, atMs);
    }
    // Called off with nothing known: nothing is told, and whoever has the record next meets the lease.
    if (outcome.is === "unknown" && batch.signal.aborted) throw batch.signal.reason;
    const next = follow(outcome, waiting(value), { maxRetryCount, nowMs: atMs, leaseUntilMs: lease.untilMs });
    if (next.is !== "deferred") await conclude(next.is, atMs);
    else if (outcome.is !== "unknown") await conclude({ released: next.next }, atMs);
    const heard = heardOf(outcome);
    if (next.is === "deferred") return defer(received, batch, next, atMs, heard);
    const resent = next.is === "sent" && intent.is === "unknown";
    end(received, batch, resent ? { ...next, reason: "send_unresolved" } : next, atMs, heard);
  }

  /** Lost: somebody else holds the lease by now. Then, and when it was held back, nothing was sent. */
  async function inTurn(received: Received<Delivery>, signal: AbortSignal, mail: Mail, lease: Lease): Promise<Outcome | Held | "lost"> {
    const delivery = waiting(received.value);
    const held = heldBack(delivery, clock.nowMs());
    if (held) return held;
    const pass = await turns.take(signal).catch(() => undefined);
    if (!pass) return { is: "outage", code: "called_off", detail: "This process ended before it was the message's turn." };
    try {
      if (clock.nowMs() - lease.sinceMs > FRESH_MS && !(await patience.renew(lease))) return "lost";
      return heldBack(delivery, clock.nowMs()) ?? (await sending(received, mail, lease, pass));
    } finally {
      pass();
    }
  }

  async function sending(received: Received<Delivery>, mail: Mail, lease: Lease, pass: () => void): Promise<Outcome> {
    const span = sendSpan(tracer, received, sender.id);
    const { attempt, wait } = received.value;
    const outcome = await sent(mail, lease, pass, attempt + wait > 0);
    span?.set({ "carillon.outcome": outcome.is });
    span?.end(outcome.is === "accepted" ? undefined : outcome.code);
    return outcome;
  }

  async function sent(mail: Mail, lease: Lease, pass: () => void, again: boolean): Promise<Outcome> {
    const startedMs = clock.nowMs();
    const leftMs = HAND_OVER_MS - (startedMs - lease.sinceMs);
    if (leftMs <= 0) return { is: "outage", code: "stalled", detail: "This process stood still for longer than a send may take." };
    const over = new AbortController();
    const answered = new AbortController();
    let handedOverMs: number | undefined;
    void clock.sleep(leftMs, answered.signal).then(async () => {
      if (handedOverMs !== undefined && !answered.signal.aborted) {
        pass();
        await waited(lease, handedOverMs + ANSWER_MS, answered.signal);
      }
      over.abort(OVER);
    });
    try {
      const outcome = await sender.send(mail, over.signal, () => {
        handedOverMs = clock.nowMs();
      });
      const endedMs = clock.nowMs();
      outages.met(outcome, startedMs, endedMs);
      metrics.asked({ provider: sender.id, outcome: outcome.is, again }, (endedMs - startedMs) / 1_000);
      return outcome;
    } finally {
      // A reason of its own: the default one is an error with a stack, a tenth of what the whole delivery costs.
      answered.abort("answered");
    }
  }

  async function waited(lease: Lease, untilMs: number, answered: AbortSignal): Promise<void> {
    logger.info({ deliveryId: lease.deliveryId }, "a message was handed over and is not answered yet, waiting on");
    metrics.overdue({ provider: sender.id }, 1);
    await patience.wait(lease, untilMs, answered);
    metrics.overdue({ provider: sender.id }, -1);
  }

  /**
   * The outcome is known here and nowhere else, so it is told again and again: nobody else has the record meanwhile, and without it the mail
   * would be sent once more. A record that was called off may be in other hands when its lease ends.
   */
  async function settled(result: Settled, lease: Lease, signal: AbortSignal): Promise<void> {
    for (let againMs = SETTLE_AGAIN_MS; ; againMs = Math.min(againMs * 2, SETTLE_AGAIN_MOST_MS)) {
      try {
        await settle(result);
        return;
      } catch (error) {
        if (signal.aborted && clock.nowMs() >= lease.untilMs) throw error;
        logger.warn({ err: error, deliveryId: result.deliveryId }, "the ledger did not take an outcome, telling it again");
        needs.waiting();
        await clock.sleep(againMs);
      }
    }
  }

  function end(received: Received<Delivery>, batch: Batch<Delivery>, ended: Ended, atMs: number, { said, code }: Heard = {}): void {
    const { attempt, wait } = received.value;
    const event = endOutput(received, ended, atMs, said);
    report.ended(received.value, ended, code);
    // The dead letter is the record that died; an older one that comes again is not.
    const own = ended.by.attempt === attempt && ended.by.wait === wait;
    if (ended.is === "dead" && own) batch.bury(received, ended.reason, said?.detail, event);
    else batch.done(received, event);
  }

  function defer(received: Received<Delivery>, batch: Batch<Delivery>, deferred: Deferred, atMs: number, { said, code }: Heard = {}): void {
    report.deferred(received.value, deferred, atMs, code);
    batch.done(received, ...deferralOutputs(received, deferred, atMs, said));
  }

  /** The outputs of a wait that began already. */
  function again(received: Received<Delivery>, { atMs, ...expected }: Progress & { readonly atMs: number }) {
    return deferralOutputs(received, waitAgain(waiting(received.value), expected, atMs), atMs);
  }

  /** No try can be made of it, so the ledger has nothing to know. */
  function buryUnsendable(received: Received<Delivery>, batch: Batch<Delivery>, { unsendable, detail }: Unsendable): void {
    const dead = givenUp(received.value, unsendable);
    report.ended(received.value, dead, unsendable);
    batch.bury(received, unsendable, detail, endOutput(received, dead, clock.nowMs(), { provider: "", detail }));
  }

  function heardOf(outcome: Outcome): Heard {
    const { detail } = outcome;
    if (outcome.is === "accepted") return { said: { provider: sender.id, detail, providerMessageId: outcome.providerMessageId } };
    return { said: { provider: sender.id, detail }, code: outcome.code };
  }
}

const waiting = ({ deliveryId, attempt, wait, expiresAtMs, quietHours, timeZone }: Delivery): Waiting => ({
  ...{ deliveryId, attempt, wait, quietHours, timeZone },
  expiresAtMs: Number(expiresAtMs),
});
