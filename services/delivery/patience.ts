/**
 * Waiting for an answer that takes long: the lease is kept alive meanwhile, so that nobody sends what may have been sent already.
 *
 * All leases are extended together, in one call every few seconds. A lease that somebody else holds by now ends the wait: what the answer
 * is about is theirs.
 */
import type { Logger } from "pino";
import type { Clock } from "#platform/clock.ts";
import type { Extension, Hold, Ledger } from "#platform/ledger/ledger.ts";
import { gather } from "./gather.ts";

export const LEASE_MS = 17_000;
const EXTEND_EVERY_MS = 5_000;
/** A ledger that does not answer is asked again as long as leases last. */
const EXTEND_AGAIN_MS = 1_000;

/** The lease on one send. */
export interface Lease extends Omit<Extension, "leaseMs"> {
  /** It began, or was extended, not before. */
  sinceMs: number;
  /** No other try can begin before. */
  untilMs: number;
}

export interface PatienceNeeds {
  readonly ledger: Pick<Ledger, "extend">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called each time that leases have been extended. */
  readonly waiting: () => void;
}

export interface Patience {
  /** Extends a lease; answers whether it is still held, and whether a send of it may start. Rejects as the ledger does. */
  renew(lease: Lease): Promise<Hold>;
  /** Resolves when it is no longer worth waiting: the signal aborts, `mostMs` have passed whatever the clock says, or the lease is lost. */
  wait(lease: Lease, mostMs: number, signal: AbortSignal): Promise<void>;
}

export function patienceOf({ ledger, clock, logger, waiting }: PatienceNeeds): Patience {
  /** By lease, what to do when it is lost. */
  const kept = new Map<Lease, () => void>();
  let keeping = false;
  const renew = gather(async (leases: readonly Lease[]) => {
    const sinceMs = clock.nowMs();
    const holds = await ledger.extend(leases.map(({ sinceMs: _, untilMs: __, ...lease }) => ({ ...lease, leaseMs: LEASE_MS })));
    const untilMs = clock.nowMs() + LEASE_MS;
    for (const [place, lease] of leases.entries()) if (holds[place] !== "lost") Object.assign(lease, { sinceMs, untilMs });
    waiting();
    return holds;
  });

  async function extended(lease: Lease): Promise<void> {
    while (kept.has(lease)) {
      try {
        // What was barred meanwhile is with the provider by now.
        if ((await renew(lease)) === "lost") kept.get(lease)?.();
        return;
      } catch (error) {
        logger.warn({ err: error, deliveryId: lease.deliveryId }, "the ledger did not extend a lease, asking it again");
        await clock.sleep(EXTEND_AGAIN_MS);
      }
    }
  }

  async function keep(): Promise<void> {
    keeping = true;
    for (; kept.size > 0; await clock.sleep(EXTEND_EVERY_MS)) await Promise.all([...kept.keys()].map(extended));
    keeping = false;
  }

  return {
    renew,
    async wait(lease, mostMs, signal) {
      const lost = new AbortController();
      kept.set(lease, () => {
        logger.warn({ deliveryId: lease.deliveryId }, "the lease of a send was lost while its answer was awaited");
        lost.abort();
      });
      void (keeping ? extended(lease) : keep());
      await clock.sleep(mostMs, AbortSignal.any([signal, lost.signal]));
      kept.delete(lease);
    },
  };
}
