/**
 * Watches what is sent, from outside: what the ledger answered to whom, what the provider has taken, and who died or stood still in between.
 *
 * A mail may be taken again only for each earlier one whose outcome was lost before the ledger knew: its process died, or stood still past
 * its lease, or the ledger was out of reach for so long, or the provider's answer was lost. Nothing begins after a cancel, nor after the
 * expiry by its process's clock.
 */
import type { Extension, Intent, Ledger, Progress, Settled, Try } from "#platform/ledger/ledger.ts";
import type { Process, Stall } from "./process.ts";
import type { Handed } from "./provider.ts";
import type { Timeline } from "./timeline.ts";

export type Report = (promise: string, how: string) => void;

/** What a process needs of a lease to tell an outcome or to extend it, though calls be lost: standing still into this is past the lease. */
const NEEDED_MS = 5_000;

interface Lease extends Progress {
  readonly of: Try;
  /** Until when, as of each moment that it was granted or extended. */
  readonly ends: { readonly setMs: number; readonly untilMs: number }[];
  /** By the clock of its process; undefined: it has not heard of it. */
  heardMs?: number;
}

interface Taken extends Handed {
  /** Undefined: there was none. */
  readonly lease: Lease | undefined;
  /** The ledger was told of it: when, and what. */
  resolved?: { readonly atMs: number; readonly as: string };
  hasDied: boolean;
}

export interface SendsNeeds {
  readonly timeline: Timeline;
  readonly report: Report;
  readonly expiresAtMs: (notificationId: string) => number;
}

const leaseKey = (deliveryId: string, process: string) => `${deliveryId} ${process}`;
/** A lease is held by one try of a process. */
const processOf = (worker: string) => worker.slice(0, worker.lastIndexOf("/"));
const sendKey = ({ deliveryId, target }: Try | Settled) => `${deliveryId} ${target}`;
const isNewer = (one: Progress, other: Progress) => one.attempt > other.attempt || (one.attempt === other.attempt && one.wait > other.wait);

export class Sends {
  readonly taken = new Map<string, Taken[]>();
  /** Deliveries in the order of their first attempts, but for those that were put off before. */
  readonly firsts = new Set<string>();
  repeats = 0;
  /** When the ledger was out of reach: to a send that is the same as if its process stood still. */
  readonly outages: Stall[] = [];
  readonly #needs: SendsNeeds;
  readonly #leases = new Map<string, Lease>();
  /** Under which lease each send began. */
  readonly #sends: (Lease | undefined)[] = [];
  readonly #holders = new Map<string, Lease>();
  readonly #settled = new Map<string, string>();
  readonly #begun = new Set<string>();
  readonly #putOff = new Set<string>();
  readonly #canceled = new Set<string>();

  constructor(needs: SendsNeeds) {
    this.#needs = needs;
  }

  /** The ledger, watched where it answers. */
  watched(ledger: Ledger): Ledger {
    return {
      ...ledger,
      intend: async (tries, options) => {
        const intents = await ledger.intend(tries, options);
        for (const [index, asked] of tries.entries()) this.#answered(asked, intents[index] as Intent);
        return intents;
      },
      extend: async (leases) => {
        const holds = await ledger.extend(leases);
        for (const [index, lease] of leases.entries()) if (holds[index] !== "lost") this.#extended(lease);
        return holds;
      },
      settle: async (results) => {
        const taken = await ledger.settle(results);
        for (const result of results) this.#told(result);
        return taken;
      },
      cancel: async (cancel) => {
        const before = await ledger.cancel(cancel);
        this.#canceled.add(cancel.notificationId);
        return before;
      },
    };
  }

  /** The same where a process hears it. */
  heard(ledger: Ledger, by: Process): Ledger {
    return {
      ...ledger,
      intend: async (tries, options) => {
        const intents = await ledger.intend(tries, options);
        for (const { deliveryId } of tries) {
          const lease = this.#leases.get(leaseKey(deliveryId, by.name));
          if (lease) lease.heardMs ??= by.clock.nowMs();
        }
        return intents;
      },
    };
  }

  began(deliveryId: string, by: Process): number {
    const lease = this.#leases.get(leaseKey(deliveryId, by.name));
    if (lease?.heardMs === undefined) {
      this.#needs.report("no send without a lease", `${by.name} sends ${deliveryId}`);
      return this.#sends.push(undefined) - 1;
    }
    const { notificationId, attempt, wait } = lease.of;
    if (lease.heardMs >= this.#needs.expiresAtMs(notificationId))
      this.#needs.report("nothing is sent after its expiry", `${by.name} sends ${deliveryId}`);
    if (!this.#begun.has(deliveryId) && !this.#putOff.has(deliveryId) && attempt + wait === 0) this.firsts.add(deliveryId);
    this.#begun.add(deliveryId);
    this.#needs.timeline.note(`${by.name} begins to send ${deliveryId}`);
    return this.#sends.push(lease) - 1;
  }

  took(handed: Handed): void {
    const lease = this.#sends[handed.send];
    const all = this.taken.get(handed.deliveryId) ?? [];
    all.push({ ...handed, lease, hasDied: !handed.by.isAlive });
    this.taken.set(handed.deliveryId, all);
    if (all.length > 1) this.repeats++;
    if (all.length > 1 && lease?.of.atMostOnce)
      this.#needs.report("what may be sent at most once is", `${handed.deliveryId} was taken ${all.length} times`);
    const lost = all.filter((each) => this.#isLost(each)).length;
    if (all.length > 1 + lost)
      this.#needs.report(
        "I2: a mail is sent again only when its outcome was lost",
        `${handed.deliveryId} was taken ${all.length} times, from ${all.map(({ by }) => by.name).join(", ")}; ${lost} outcomes were lost`,
      );
  }

  died(process: Process): void {
    for (const all of this.taken.values()) for (const each of all) if (each.by === process && !each.resolved) each.hasDied = true;
  }

  #isLost({ by, lease, resolved, hasDied, answerLost }: Taken): boolean {
    if (answerLost || hasDied) return true;
    const { nowMs } = this.#needs.timeline;
    return [...by.stalls, ...this.outages].some((stall) => {
      const untilMs = Math.min(stall.untilMs, nowMs);
      const end = lease?.ends.findLast(({ setMs }) => setMs <= untilMs);
      return end !== undefined && stall.fromMs < (resolved?.atMs ?? nowMs) && untilMs > end.untilMs - NEEDED_MS;
    });
  }

  #answered(asked: Try, intent: Intent): void {
    const { deliveryId, notificationId, worker, leaseMs } = asked;
    const send = sendKey(asked);
    const { timeline, report } = this.#needs;
    timeline.note(`ledger: ${worker} tries ${deliveryId} ${asked.attempt}/${asked.wait}: ${intent.is}`);
    const known = this.#settled.get(send);
    if (intent.is === "leased") this.#putOff.add(deliveryId);
    if (intent.is === "canceled" || intent.is === "unresolved") {
      this.#settled.set(send, intent.is);
      this.#holders.delete(deliveryId);
    }
    if (intent.is === "settled") {
      if (known !== intent.state) report("settled states never change", `${deliveryId} was ${known ?? "open"} and is ${intent.state}`);
    } else if (known !== undefined && intent.is !== "repeat")
      report("settled states never change", `${deliveryId} was ${known}: ${intent.is}`);
    if (intent.is !== "send" && intent.is !== "unknown") return;
    if (this.#canceled.has(notificationId)) report("nothing is sent after its cancel", `${worker} was let send ${deliveryId}`);
    const { nowMs } = timeline;
    const lease: Lease = { of: asked, attempt: asked.attempt, wait: asked.wait, ends: [{ setMs: nowMs, untilMs: nowMs + leaseMs }] };
    this.#leases.set(leaseKey(deliveryId, processOf(worker)), lease);
    this.#holders.set(deliveryId, lease);
  }

  #extended({ deliveryId, worker, leaseMs }: Extension): void {
    const { nowMs } = this.#needs.timeline;
    this.#needs.timeline.note(`ledger: ${worker} extends ${deliveryId}`);
    const lease = this.#leases.get(leaseKey(deliveryId, processOf(worker)));
    if (lease?.of.worker === worker) lease.ends.push({ setMs: nowMs, untilMs: nowMs + leaseMs });
  }

  #told(result: Settled): void {
    const { deliveryId, worker, state } = result;
    const holder = this.#holders.get(deliveryId);
    this.#needs.timeline.note(`ledger: ${worker} settles ${deliveryId}: ${JSON.stringify(state)}`);
    if (holder?.of.worker !== worker) return;
    if (typeof state === "string") this.#settled.set(sendKey(result), state);
    else if (!isNewer(state.released, holder)) return;
    this.#holders.delete(deliveryId);
    const resolved = { atMs: this.#needs.timeline.nowMs, as: typeof state === "string" ? state : "released" };
    for (const each of this.taken.get(deliveryId) ?? []) if (each.lease === holder) each.resolved ??= resolved;
  }
}
