/**
 * Watches what is sent, from outside: what providers were asked, what they have taken, and who died or stood still in between.
 *
 * A mail may be taken again only for each earlier one whose outcome was lost before the ledger knew: its process died, or stood still past
 * its lease, or the ledger was out of reach for so long or has lost it, or the provider's answer was lost. Under one lease another send may
 * begin only when it is known of those before that nothing was handed over. Nothing begins after the expiry by its process's clock, and
 * never more than the tokens that there have been.
 */
import type { Rate } from "#platform/limits/bucket.ts";
import type { Outcome } from "../../services/delivery/sender.ts";
import type { Sent } from "./breakers.ts";
import type { Lease, Leases, Resolved } from "./leases.ts";
import type { Process } from "./process.ts";
import type { Handed } from "./provider.ts";
import type { Report } from "./report.ts";
import type { Timeline } from "./timeline.ts";
import { NEEDED_MS } from "./tries.ts";
import { LEDGER, type Weather } from "./wire.ts";

/** Who was let send longer ago has to ask once more before it begins. */
const FRESH_MS = 100;

interface Taken extends Handed {
  /** Undefined: there was none. */
  readonly lease: Lease | undefined;
  resolved?: Resolved;
  hasDied: boolean;
}

/** One that a provider was asked. */
interface Begun extends Sent {
  readonly deliveryId: string;
  readonly lease: Lease | undefined;
  served: boolean | undefined;
  outcome: Outcome | undefined;
}

export interface SendsNeeds {
  readonly timeline: Timeline;
  readonly report: Report;
  readonly leases: Leases;
  readonly weather: Pick<Weather, "outages">;
  readonly rates: ReadonlyMap<string, Rate>;
  readonly expiresAtMs: (notificationId: string) => number;
  /** Whether a mail to them waits, at that time of that process. */
  readonly isQuiet: (deliveryId: string, cycle: number, nowMs: number) => boolean;
}

export class Sends {
  /** By delivery. */
  readonly taken = new Map<string, Taken[]>();
  /** Deliveries in the order of their first attempts, but for those that were put off before. */
  readonly firsts = new Set<string>();
  readonly begun: Begun[] = [];
  repeats = 0;
  readonly #needs: SendsNeeds;
  readonly #begunOnce = new Set<string>();

  constructor(needs: SendsNeeds) {
    this.#needs = needs;
    needs.leases.onResolved = (lease, resolved) => {
      for (const each of this.taken.get(lease.of.deliveryId) ?? []) if (each.lease === lease) each.resolved ??= resolved;
    };
  }

  began(deliveryId: string, provider: string, by: Process): number {
    const { timeline, report, leases } = this.#needs;
    const held = leases.of(deliveryId, by);
    const lease = held?.heardMs === undefined ? undefined : held;
    timeline.note(`${by.name} begins to send ${deliveryId} by ${provider}`);
    if (lease) this.#mayBegin(deliveryId, lease, by);
    else report("no send without a lease", `${by.name} sends ${deliveryId}`);
    const send = this.begun.push({ deliveryId, provider, lease, beganMs: timeline.nowMs, served: undefined, outcome: undefined }) - 1;
    this.#withinRate(provider);
    return send;
  }

  answered(send: number, outcome: Outcome): void {
    const begun = this.begun[send] as Begun;
    begun.outcome = outcome;
    begun.served = outcome.is !== "outage" && outcome.is !== "unknown";
    if (begun.lease && (outcome.is === "retry" || outcome.is === "unknown")) this.#needs.leases.tried(begun.lease);
  }

  took(handed: Handed): void {
    const lease = this.begun[handed.send]?.lease;
    const all = this.taken.get(handed.deliveryId) ?? [];
    all.push({ ...handed, lease, hasDied: !handed.by.isAlive });
    this.taken.set(handed.deliveryId, all);
    // Where the ledger lost what was decided, it may be decided anew for another address.
    const isLost = lease !== undefined && this.#needs.leases.isLost(lease.of.notificationId);
    const isRepeated = ({ lease: one, to }: Taken) => one?.of.cycle === lease?.of.cycle && (!isLost || to === handed.to);
    const cycle = all.filter(isRepeated);
    if (cycle.length > 1) this.repeats++;
    if (all.length > 1 && lease?.atMostOnce)
      this.#needs.report("what may be sent at most once is", `${handed.deliveryId} was taken ${all.length} times`);
    const lost = cycle.filter((each) => this.#isLost(each)).length;
    if (cycle.length > 1 + lost)
      this.#needs.report(
        "I2: a mail is sent again only when its outcome was lost",
        `${handed.deliveryId} was taken ${cycle.length} times, from ${cycle.map(({ by }) => by.name).join(", ")}; ${lost} outcomes were lost`,
      );
  }

  died(process: Process): void {
    for (const all of this.taken.values()) for (const each of all) if (each.by === process && !each.resolved) each.hasDied = true;
  }

  #mayBegin(deliveryId: string, lease: Lease, by: Process): void {
    const { report, leases, expiresAtMs, isQuiet } = this.#needs;
    const { notificationId, attempt, wait, cycle } = lease.of;
    const heardMs = lease.heardMs as number;
    if (heardMs >= expiresAtMs(notificationId)) report("nothing is sent after its expiry", `${by.name} sends ${deliveryId}`);
    if (!leases.isLost(notificationId) && isQuiet(deliveryId, cycle, heardMs))
      report("nothing is sent in quiet hours", `${by.name} sends ${deliveryId}`);
    const { letSend } = lease;
    const waitedMs = letSend ? this.#needs.timeline.nowMs - letSend.atMs : 0;
    // By a clock that was set meanwhile nobody can tell.
    if (waitedMs > FRESH_MS && letSend?.aheadMs === by.aheadMs)
      report("I8: who begins to send has just asked", `${by.name} sends ${deliveryId} ${waitedMs} ms after it was let`);
    const open = this.begun.find((each) => each.lease === lease && each.outcome?.is !== "outage");
    if (open)
      report(
        "I2: under one lease nothing is sent after what may have been sent",
        `${by.name} sends ${deliveryId} once more, and ${open.provider} ${open.outcome ? `answered ${open.outcome.is}` : "has not answered"}`,
      );
    const isFirst = !this.#begunOnce.has(deliveryId) && !leases.putOff.has(deliveryId) && attempt + wait === 0 && cycle === 1;
    if (isFirst) this.firsts.add(deliveryId);
    this.#begunOnce.add(deliveryId);
  }

  /** Each token is one send, and a bucket that was lost is full again. */
  #withinRate(provider: string): void {
    const { timeline, report, leases, rates } = this.#needs;
    const rate = rates.get(provider);
    if (!rate) return;
    const count = this.begun.filter((each) => each.provider === provider).length;
    const most = rate.burst * (1 + leases.losses) + ((timeline.nowMs - timeline.startMs) / 1_000) * rate.perSecond;
    if (count > most + 1e-6) report("no more is sent than there are tokens", `${count} by ${provider}, and there were ${most}`);
  }

  #isLost({ by, lease, resolved, hasDied, answerLost }: Taken): boolean {
    if (answerLost || hasDied) return true;
    if (lease && this.#needs.leases.isLost(lease.of.notificationId, lease.grantedMs)) return true;
    const { weather } = this.#needs;
    const { nowMs } = this.#needs.timeline;
    const outages = weather.outages.filter(({ calls }) => calls === LEDGER);
    return [...by.stalls, ...outages].some((stall) => {
      const untilMs = Math.min(stall.untilMs, nowMs);
      const end = lease?.ends.findLast(({ setMs }) => setMs <= untilMs);
      return end !== undefined && stall.fromMs < (resolved?.atMs ?? nowMs) && untilMs > end.untilMs - NEEDED_MS;
    });
  }
}
