/**
 * The way between a process and what it calls: every call of a port goes there and comes back at a time of chance, or does not.
 *
 * A call that is told to have failed may have happened, or happen later. A caller that dies takes its answers along, and what it had just
 * asked for may still arrive.
 */
import { Problem } from "#domain/errors.ts";
import type { Process, Stall } from "./process.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

export interface Weather {
  /** Of calls, how many are told to have failed. */
  losses: number;
  /** Of ways, how many take long, and how long at most. */
  slow: number;
  slowestMs: number;
  /** Those that there were, are and are known to end. */
  readonly outages: readonly Outage[];
}

/** Calls that fail for a while. To who has to call it that is the same as standing still. */
export interface Outage extends Stall {
  /** How the names of such calls begin. */
  readonly calls: string;
  /** Whether what was asked for happens all the same. */
  readonly fate: "request lost" | "reply lost";
}

/** How the names of calls of the ledger begin, and of what is kept with it. */
export const LEDGER = "ledger.";
export const INTENTS = "intents.";

/** More is being out of reach, which is a fault of its own: leases may run out meanwhile. */
const FAILURES_IN_A_ROW = 2;
const QUICK_MS = 5;
const LATE_MS = 3_000;

type Fate = "done" | "request lost" | "reply lost" | "done later";

export interface WireNeeds {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly weather: Weather;
}

interface Call {
  /** It never fails. */
  readonly sure?: boolean;
  /** What was written since outlasts what comes late. */
  readonly timed?: boolean;
}

export class Wire {
  readonly #needs: WireNeeds;
  readonly #failures = new Map<string, number>();

  constructor(needs: WireNeeds) {
    this.#needs = needs;
  }

  /** `work` is told whether it is cut off: then it may as well do a part of it only. */
  call<T>(from: Process, what: string, work: (isCut: boolean) => Promise<T>, { sure = false, timed = false }: Call = {}): Promise<T> {
    const { timeline, random } = this.#needs;
    from.calls(what);
    const fate = sure ? "done" : this.#fate(from.name, what, timed);
    return new Promise((resolve, reject) => {
      const back = (answer: () => void) => from.after(this.#wayMs(), `${what} answered`, answer);
      const fail = () => reject(new Problem("STORE_UNAVAILABLE", { retryAfterMs: 1_000 }));
      const arrive = (then?: (work: Promise<T>) => void) => {
        if (!from.isAlive && random.chance(0.5)) return;
        const working = work(fate === "reply lost");
        timeline.during(working);
        then?.(working);
      };
      timeline.after(this.#wayMs(), `${from.name}: ${what} ${fate}`, () => {
        if (fate === "done")
          arrive((working) =>
            working.then(
              (answer) => back(() => resolve(answer)),
              (error) => back(() => reject(error)),
            ),
          );
        else back(fail);
        if (fate === "reply lost") arrive();
        if (fate === "done later") timeline.after(random.between(1, LATE_MS), `${from.name}: ${what} arrives late`, () => arrive());
      });
    });
  }

  /** The port as the process has it: each of its calls goes this way. */
  far<P extends object>(from: Process, name: string, port: P, how: Call = {}): P {
    const calls = Object.entries(port).map(([method, work]) => [
      method,
      (...given: unknown[]) =>
        this.call(from, `${name}.${method}`, () => (work as (...given: unknown[]) => Promise<unknown>)(...given), how),
    ]);
    return Object.fromEntries(calls) as P;
  }

  #fate(from: string, what: string, timed: boolean): Fate {
    const { timeline, random, weather } = this.#needs;
    const outage = weather.outages.find(({ calls, untilMs }) => what.startsWith(calls) && timeline.nowMs < untilMs);
    if (outage) return outage.fate;
    const caller = `${from} ${what}`;
    const failures = this.#failures.get(caller) ?? 0;
    const lost = random.chance(weather.losses) && failures < FAILURES_IN_A_ROW;
    this.#failures.set(caller, lost ? failures + 1 : 0);
    const fate = lost ? random.pick(["request lost", "reply lost", "done later"] as const) : "done";
    return fate === "done later" && timed ? "reply lost" : fate;
  }

  #wayMs(): number {
    const { random, weather } = this.#needs;
    return random.chance(weather.slow) ? random.between(0, weather.slowestMs) : random.between(0, QUICK_MS);
  }
}
