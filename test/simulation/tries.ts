/**
 * Watches, where a process hears it, who tries sends that may happen at most once: from its question for a lease until it is told that there
 * is none, or has told how the send ended.
 *
 * Nobody can know how a try ended whose process died or stood still past its lease, or had the ledger or the intents out of reach for that
 * long, or whose lease was lost with the ledger. Of every other one its process knows, and it must not pass for one that was cut off.
 */
import type { Ledger, Try } from "#platform/ledger/ledger.ts";
import type { Lease, Leases } from "./leases.ts";
import type { Process } from "./process.ts";
import type { Timeline } from "./timeline.ts";
import type { Weather } from "./wire.ts";

/** What a process needs of a lease to tell an outcome or to extend it, though calls be lost: standing still into this is past the lease. */
export const NEEDED_MS = 5_000;

interface Tried {
  readonly of: Try;
  readonly by: Process;
  readonly askedMs: number;
  lease?: Lease | undefined;
  /** It was not answered whether it has a lease. */
  isDoubtful: boolean;
  endedMs: number;
}

interface Needs {
  readonly timeline: Timeline;
  readonly leases: Leases;
  readonly weather: Pick<Weather, "outages">;
  /** The ledger keeps what may be sent at most once: to it, who was not answered is who died. */
  readonly isLedgers: boolean;
}

export class Tries {
  readonly #needs: Needs;
  /** By cycle of a delivery. */
  readonly #tried = new Map<string, Tried[]>();

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** The ledger as a process has it. */
  heard(ledger: Ledger, by: Process): Ledger {
    const { timeline, leases } = this.#needs;
    return {
      ...ledger,
      intend: async (tries, options) => {
        const begun = tries.map((of) => this.#begin(of, by));
        const intents = await ledger.intend(tries, options).catch((error) => {
          for (const each of begun) each.isDoubtful = true;
          throw error;
        });
        for (const [index, each] of begun.entries()) {
          const { is } = intents[index] ?? {};
          const lease = leases.of(each.of.deliveryId, by);
          if (is !== "send" && is !== "unknown") each.endedMs = timeline.nowMs;
          else if (lease?.of.worker === each.of.worker) each.lease = lease;
        }
        return intents;
      },
      settle: async (results) => {
        const taken = await ledger.settle(results);
        for (const { deliveryId, cycle, worker } of results)
          for (const each of this.#of(deliveryId, cycle)) if (each.of.worker === worker) each.endedMs = timeline.nowMs;
        return taken;
      },
    };
  }

  /** Whether a try of this cycle may have come to an end that nobody can know. */
  isCutOff(deliveryId: string, cycle: number): boolean {
    return this.#of(deliveryId, cycle).some((each) => this.#isCutOff(each));
  }

  #of(deliveryId: string, cycle: number): readonly Tried[] {
    return this.#tried.get(`${deliveryId} ${cycle}`) ?? [];
  }

  #begin(of: Try, by: Process): Tried {
    const begun = { of, by, askedMs: this.#needs.timeline.nowMs, isDoubtful: false, endedMs: Number.POSITIVE_INFINITY };
    if (of.atMostOnce) this.#tried.set(`${of.deliveryId} ${of.cycle}`, [...this.#of(of.deliveryId, of.cycle), begun]);
    return begun;
  }

  #isCutOff({ of, by, askedMs, endedMs, lease, isDoubtful }: Tried): boolean {
    const { timeline, leases, weather, isLedgers } = this.#needs;
    if (!by.isAlive && endedMs === Number.POSITIVE_INFINITY) return true;
    if (isLedgers && isDoubtful) return true;
    if (leases.isLost(of.notificationId, askedMs, endedMs)) return true;
    return [...by.stalls, ...weather.outages].some((stall) => {
      const untilMs = Math.min(stall.untilMs, timeline.nowMs);
      const endMs = lease?.ends.findLast(({ setMs }) => setMs <= untilMs)?.untilMs ?? askedMs + of.leaseMs;
      return stall.fromMs < endedMs && untilMs > endMs - NEEDED_MS;
    });
  }
}
