/**
 * Watches the ledger from outside: what it answered to whom, and whether a try may have had that answer.
 *
 * No lease is given of what is barred, settled states stay, and no attempt is counted that no provider refused or left open.
 */
import type { Extension, Hold, Intent, Ledger, Progress, Settled, Try } from "#platform/ledger/ledger.ts";
import type { Bars } from "./bars.ts";
import type { Process } from "./process.ts";
import type { Report } from "./report.ts";
import type { Timeline } from "./timeline.ts";

export interface Lease extends Progress {
  readonly of: Try;
  readonly grantedMs: number;
  /** Until when, as of each moment that it was granted or extended. */
  readonly ends: { readonly setMs: number; readonly untilMs: number }[];
  /** What should have kept the ledger from giving it. */
  readonly barred: string | undefined;
  /** By the clock of its process; undefined: it has not heard of it. */
  heardMs?: number;
  /** Of what its process asked for, whoever keeps that. */
  atMostOnce?: boolean | undefined;
  /** When it last heard that a send of it may begin. */
  letSend?: Heard;
}

interface Heard {
  readonly atMs: number;
  /** How far its clock was ahead. */
  readonly aheadMs: number;
}

/** What the ledger was told of a send. */
export interface Resolved {
  readonly atMs: number;
  readonly as: string;
}

/** What the ledger lost, and which notifications were under way then. */
interface Loss {
  readonly atMs: number;
  readonly notificationIds: ReadonlySet<string>;
}

interface Needs {
  readonly timeline: Timeline;
  readonly report: Report;
  readonly bars: Bars;
}

const leaseKey = (deliveryId: string, process: string) => `${deliveryId} ${process}`;
/** A lease is held by a process, or by one try of it. */
const processOf = (worker: string) => worker.split("/")[0] as string;
const cycleKey = ({ deliveryId, cycle }: Pick<Try, "deliveryId" | "cycle">) => `${deliveryId} ${cycle}`;
const sendKey = (send: Try | Settled) => `${cycleKey(send)} ${send.target}`;
const isNewer = (one: Progress, other: Progress) => one.attempt > other.attempt || (one.attempt === other.attempt && one.wait > other.wait);

export class Leases {
  /** Deliveries that were put off, for somebody's lease or whatever else. */
  readonly putOff = new Set<string>();
  /** Called when the ledger has been told what became of a lease's sends. */
  onResolved: (lease: Lease, resolved: Resolved) => void = () => undefined;
  readonly #needs: Needs;
  readonly #leases = new Map<string, Lease>();
  readonly #holders = new Map<string, Lease>();
  readonly #settled = new Map<string, string>();
  /** Of each cycle, how often a provider refused it for now or left it open. */
  readonly #tried = new Map<string, number>();
  readonly #dead = new Set<string>();
  readonly #losses: Loss[] = [];
  /** Of answers about leases, what barred each by the time that they were given. */
  readonly #barred = new WeakMap<readonly Hold[], readonly (string | undefined)[]>();

  constructor(needs: Needs) {
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
        this.#barred.set(
          holds,
          leases.map((lease) => this.#needs.bars.of(lease)),
        );
        for (const [index, lease] of leases.entries()) if (holds[index] !== "lost") this.#extended(lease);
        return holds;
      },
      settle: async (results) => {
        const taken = await ledger.settle(results);
        for (const result of results) this.#told(result);
        return taken;
      },
    };
  }

  /** The same where a process hears it. */
  heard(ledger: Ledger, by: Process): Ledger {
    return {
      ...ledger,
      intend: async (tries, options) => {
        const intents = await ledger.intend(tries, options);
        for (const [index, { deliveryId, worker, atMostOnce }] of tries.entries()) {
          const lease = this.of(deliveryId, by);
          if (lease?.of.worker !== worker) continue;
          lease.heardMs ??= by.clock.nowMs();
          lease.atMostOnce = atMostOnce;
          const isLet = intents[index]?.is === "send" || intents[index]?.is === "unknown";
          if (isLet) this.#letSend(lease, by, lease.barred);
        }
        return intents;
      },
      extend: async (leases) => {
        const holds = await ledger.extend(leases);
        for (const [index, { deliveryId, worker }] of leases.entries()) {
          const lease = this.of(deliveryId, by);
          if (lease?.of.worker === worker && holds[index] === "held") this.#letSend(lease, by, this.#barred.get(holds)?.[index]);
        }
        return holds;
      },
    };
  }

  /** The latest that a process was given. */
  of(deliveryId: string, by: Process): Lease | undefined {
    return this.#leases.get(leaseKey(deliveryId, by.name));
  }

  #letSend(lease: Lease, by: Process, barred: string | undefined): void {
    lease.letSend = { atMs: this.#needs.timeline.nowMs, aheadMs: by.aheadMs };
    if (barred)
      this.#needs.report("I8: nothing starts after it was barred", `${by.name} was let send ${lease.of.deliveryId} after its ${barred}`);
  }

  /** A provider refused it for now, or left it open. */
  tried({ of }: Lease): void {
    this.#tried.set(cycleKey(of), (this.#tried.get(cycleKey(of)) ?? 0) + 1);
  }

  /** This cycle of a delivery was told to be dead. */
  died(deliveryId: string, cycle: number): void {
    this.#dead.add(cycleKey({ deliveryId, cycle }));
  }

  /** It knows nothing any more. */
  lost(notificationIds: ReadonlySet<string>): void {
    this.#losses.push({ atMs: this.#needs.timeline.nowMs, notificationIds });
    this.#holders.clear();
    this.#settled.clear();
  }

  get losses(): number {
    return this.#losses.length;
  }

  /** Whether the ledger, in that time, has lost what it knew while the notification was under way. */
  isLost(notificationId: string, fromMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY): boolean {
    return this.#losses.some(({ atMs, notificationIds }) => atMs >= fromMs && atMs <= untilMs && notificationIds.has(notificationId));
  }

  #answered(asked: Try, intent: Intent): void {
    const { deliveryId, worker, leaseMs, attempt, wait, cycle } = asked;
    const send = sendKey(asked);
    const { timeline, report, bars } = this.#needs;
    timeline.note(`ledger: ${worker} tries ${deliveryId} ${cycle}/${attempt}/${wait}: ${intent.is}`);
    const known = this.#settled.get(send);
    if (intent.is === "leased") this.putOff.add(deliveryId);
    if (intent.is === "canceled" || intent.is === "suppressed" || intent.is === "erased" || intent.is === "unresolved") {
      this.#settled.set(send, intent.is);
      this.#holders.delete(cycleKey(asked));
    }
    if (intent.is === "settled") {
      if (known !== intent.state) report("settled states never change", `${deliveryId} was ${known ?? "open"} and is ${intent.state}`);
    } else if (known !== undefined && intent.is !== "repeat")
      report("settled states never change", `${deliveryId} was ${known}: ${intent.is}`);
    if (intent.is !== "send" && intent.is !== "unknown") return;
    const tried = this.#tried.get(cycleKey(asked)) ?? 0;
    if (attempt > tried) report("waiting burns no attempt", `${deliveryId} has come to ${attempt} attempts by ${tried} sends`);
    if (cycle > 1 && !this.#dead.has(cycleKey({ deliveryId, cycle: cycle - 1 })))
      report("what is replayed has died before", `${deliveryId} is let send in cycle ${cycle}`);
    const { nowMs } = timeline;
    const ends = [{ setMs: nowMs, untilMs: nowMs + leaseMs }];
    const lease: Lease = { of: asked, attempt, wait, ends, grantedMs: nowMs, barred: bars.of(asked) };
    this.#leases.set(leaseKey(deliveryId, processOf(worker)), lease);
    this.#holders.set(cycleKey(asked), lease);
  }

  #extended({ deliveryId, worker, leaseMs }: Extension): void {
    const { nowMs } = this.#needs.timeline;
    this.#needs.timeline.note(`ledger: ${worker} extends ${deliveryId}`);
    const lease = this.#leases.get(leaseKey(deliveryId, processOf(worker)));
    if (lease?.of.worker === worker) lease.ends.push({ setMs: nowMs, untilMs: nowMs + leaseMs });
  }

  #told(result: Settled): void {
    const { deliveryId, worker, state } = result;
    const holder = this.#holders.get(cycleKey(result));
    this.#needs.timeline.note(`ledger: ${worker} settles ${deliveryId}: ${JSON.stringify(state)}`);
    if (holder?.of.worker !== worker) return;
    if (typeof state === "string") this.#settled.set(sendKey(result), state);
    else if (!isNewer(state.released, holder)) return;
    this.#holders.delete(cycleKey(result));
    const as = typeof state === "string" ? state : "released";
    this.onResolved(holder, { atMs: this.#needs.timeline.nowMs, as });
  }
}
