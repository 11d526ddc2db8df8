/**
 * Breakers, watched from outside: each change of phase must follow from results of sends that began in the phase that it ends,
 * and a result of an earlier one changes nothing.
 *
 * Results may be late and calls lost, so there may be more such results than were told, and never fewer.
 */
import { type Breakers, CLOSES_AFTER, OPENS_AFTER, type Phase } from "#platform/limits/breaker.ts";
import type { Leases } from "./leases.ts";
import type { Report } from "./report.ts";
import type { Timeline } from "./timeline.ts";

/** One that a provider was asked. */
export interface Sent {
  readonly provider: string;
  readonly beganMs: number;
  /** Undefined: not answered yet. */
  readonly served: boolean | undefined;
}

export interface BreakersNeeds {
  readonly timeline: Timeline;
  readonly report: Report;
  readonly mark: (what: string) => void;
  readonly sent: readonly Sent[];
  /** A breaker that was lost begins anew, and cannot tell what was sent before. */
  readonly leases: Pick<Leases, "losses">;
}

interface Known {
  readonly phase: Phase;
  readonly sinceMs: number;
}

const PROMISE = "a breaker goes by what was sent since it changed";

export function watchedBreakers(breakers: Breakers, { timeline, report, mark, sent, leases }: BreakersNeeds): Breakers {
  const known = new Map<string, Known>();

  function became(integration: string, phase: Phase): void {
    const before = known.get(integration) ?? { phase: "closed", sinceMs: timeline.startMs };
    if (before.phase === phase) return;
    const since = sent.filter(({ provider, beganMs }) => provider === integration && beganMs >= before.sinceMs);
    const count = (served: boolean) => since.filter((each) => each.served === served).length;
    const change = `${integration}: ${before.phase}, then ${phase}`;
    timeline.note(change);
    mark(`breaker ${phase}`);
    known.set(integration, { phase, sinceMs: timeline.nowMs });
    if (leases.losses > 0) return;
    if (phase === "closed" && count(true) < CLOSES_AFTER) report(PROMISE, `${change} after ${count(true)} that it served`);
    const enough = before.phase === "closed" ? OPENS_AFTER : 1;
    if (phase === "open" && count(false) < enough) report(PROMISE, `${change} after ${count(false)} that it did not serve`);
  }

  return {
    ...breakers,
    async probe(asked) {
      const answer = await breakers.probe(asked);
      became(asked.integration, answer.phase);
      return answer;
    },
    async report(result) {
      const [before] = await breakers.read([result.integration]);
      const told = await breakers.report(result);
      const isOld = before !== undefined && before.generation !== result.generation;
      if (isOld && (told.failures !== before.failures || told.phase !== before.phase))
        report(PROMISE, `${result.integration}: a ${result.is} of generation ${result.generation} counts in ${before.generation}`);
      became(result.integration, told.phase);
      return told;
    },
  };
}
