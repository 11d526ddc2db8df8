/**
 * Watches, where a process hears it, who tries sends that may happen at most once: from its question for a lease until it is told that there
 * is none, or has told how the send ended. And, where intents are kept, whose is given up.
 *
 * Nobody can know how a try ended whose process died or stood still past its lease, or had the ledger or the intents out of reach for that
 * long, or whose lease was lost with the ledger, or whose intent began after its process was told that it had not. Of every other one its
 * process knows, and it must not pass for one that was cut off: least of all one that was not answered, since it has sent nothing.
 */
import type { Intent, Ledger, Try } from "#platform/ledger/ledger.ts";
import type { Intents, Sending } from "#platform/ledger/once.ts";
import type { Lease, Leases } from "./leases.ts";
import type { Process, Stall } from "./process.ts";
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
  isUnanswered: boolean;
  /** After that its intent began all the same. */
  isLate: boolean;
  endedMs: number;
}

interface Needs {
  readonly timeline: Timeline;
  readonly leases: Leases;
  readonly weather: Pick<Weather, "outages">;
}

/** Who was not answered has to take back what may have begun; who has a lease, to extend it and to tell how it ended. */
const WITHDRAWS = ["intents.withdraw"];
const TELLS = ["ledger.extend", "ledger.settle", "intents.settle"];

const cycleKey = ({ deliveryId, cycle }: Pick<Sending, "deliveryId" | "cycle">) => `${deliveryId} ${cycle}`;

export class Tries {
  readonly #needs: Needs;
  /** By worker, which is unique per try. */
  readonly #tried = new Map<string, Tried>();
  /** By cycle, whose intent is open. */
  readonly #open = new Map<string, string>();
  /** By cycle, whose intent was given up. */
  readonly #givenUp = new Map<string, string>();

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
          for (const each of begun) each.isUnanswered = true;
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
        for (const { worker } of results) {
          const tried = this.#tried.get(worker);
          if (tried) tried.endedMs = timeline.nowMs;
        }
        return taken;
      },
    };
  }

  /** The intents as they are kept. */
  watched(intents: Intents): Intents {
    const isOwn = (each: Sending & Pick<Try, "worker">) => this.#open.get(cycleKey(each)) === each.worker;
    return {
      ...intents,
      begin: async (tries) => {
        const answers = await intents.begin(tries);
        for (const [index, each] of tries.entries()) {
          if (answers[index]?.is !== "send") continue;
          this.#open.set(cycleKey(each), each.worker);
          const tried = this.#tried.get(each.worker);
          if (tried?.isUnanswered) tried.isLate = true;
        }
        return answers;
      },
      withdraw: async (tries) => {
        await intents.withdraw(tries);
        for (const each of tries) if (isOwn(each)) this.#open.delete(cycleKey(each));
      },
      settle: async (results) => {
        const taken = await intents.settle(results);
        for (const each of results) if (isOwn(each)) this.#open.delete(cycleKey(each));
        return taken;
      },
      giveUp: async (tries) => {
        const answers: readonly Intent[] = await intents.giveUp(tries);
        for (const each of tries) {
          const worker = this.#open.get(cycleKey(each));
          if (worker !== undefined) this.#givenUp.set(cycleKey(each), worker);
          this.#open.delete(cycleKey(each));
        }
        return answers;
      },
    };
  }

  /** Whether the try that was given up may have come to an end that nobody can know; where the ledger keeps them itself, any of the cycle. */
  isCutOff(deliveryId: string, cycle: number): boolean {
    const worker = this.#givenUp.get(cycleKey({ deliveryId, cycle }));
    if (worker !== undefined) return this.#isCutOff(this.#tried.get(worker) as Tried);
    const its = [...this.#tried.values()].filter(({ of }) => of.deliveryId === deliveryId && of.cycle === cycle);
    // To the ledger, who was not answered is who died.
    return its.some((each) => each.isUnanswered || this.#isCutOff(each));
  }

  #begin(of: Try, by: Process): Tried {
    const askedMs = this.#needs.timeline.nowMs;
    const begun = { of, by, askedMs, isUnanswered: false, isLate: false, endedMs: Number.POSITIVE_INFINITY };
    if (of.atMostOnce) this.#tried.set(of.worker, begun);
    return begun;
  }

  #isCutOff({ of, by, askedMs, endedMs, lease, isUnanswered, isLate }: Tried): boolean {
    const { timeline, leases, weather } = this.#needs;
    if (isLate || (!by.isAlive && endedMs === Number.POSITIVE_INFINITY)) return true;
    if (!isUnanswered && leases.isLost(of.notificationId, askedMs, endedMs)) return true;
    const needed = isUnanswered ? WITHDRAWS : TELLS;
    const outages = weather.outages.filter(({ calls }) => needed.some((call) => call.startsWith(calls)));
    return [...by.stalls, ...outages].some((stall: Stall) => {
      const untilMs = Math.min(stall.untilMs, timeline.nowMs);
      const endMs = lease?.ends.findLast(({ setMs }) => setMs <= untilMs)?.untilMs ?? askedMs + of.leaseMs;
      return stall.fromMs < Math.min(endedMs, endMs) && untilMs > endMs - NEEDED_MS;
    });
  }
}
