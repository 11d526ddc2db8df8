/** Circuit breakers in memory: of one process, which is all that the embedded form has. The same rules as in breaker.lua. */
import type { Clock } from "#platform/clock.ts";
import { type BreakerState, type Breakers, CLOSES_AFTER, kinds, OPEN_MS, OPENS_AFTER, type Phase } from "./breaker.ts";

interface Breaker {
  phase: Phase;
  generation: number;
  failures: number;
  successes: number;
  /** Until then nobody may probe: while it is open, or while somebody does. */
  untilMs: number;
  prober: string | undefined;
  held: boolean;
  paused: boolean;
  sinceMs: number | undefined;
  /** The numbers of the last ones, by kind. */
  readonly told: Record<(typeof kinds)[keyof typeof kinds], number>;
}

export function memoryBreakers({ clock }: { readonly clock: Clock }): Breakers {
  const breakers = new Map<string, Breaker>();

  const of = (integration: string): Breaker => {
    const fresh: Breaker = {
      ...{ phase: "closed", generation: 0, failures: 0, successes: 0, untilMs: 0, prober: undefined },
      ...{ held: false, paused: false, sinceMs: undefined, told: { pause: 0, hold: 0 } },
    };
    const there = breakers.get(integration) ?? fresh;
    breakers.set(integration, there);
    return there;
  };
  const become = (breaker: Breaker, phase: Phase, untilMs: number): void => {
    if (breaker.phase !== phase) breaker.sinceMs = clock.nowMs();
    Object.assign(breaker, { phase, untilMs, generation: breaker.generation + 1, failures: 0, successes: 0, prober: undefined });
  };
  const told = ({ phase, generation, failures, untilMs, held, paused, sinceMs }: Breaker): BreakerState => ({
    ...{ phase, generation, failures, held, paused },
    waitMs: phase === "closed" ? 0 : Math.max(0, untilMs - clock.nowMs()),
    forMs: sinceMs === undefined ? undefined : Math.max(0, clock.nowMs() - sinceMs),
  });

  return {
    async read(integrations) {
      return integrations.map((integration) => told(of(integration)));
    },
    async probe({ integration, holder, leaseMs }) {
      const breaker = of(integration);
      const nowMs = clock.nowMs();
      const { held, paused, phase, untilMs } = breaker;
      if (held || paused || phase === "closed" || nowMs < untilMs) return { ...told(breaker), granted: false };
      if (phase === "open") become(breaker, "half-open", 0);
      breaker.untilMs = nowMs + leaseMs;
      breaker.prober = holder;
      return { ...told(breaker), granted: true };
    },
    async report({ integration, generation, holder, is }) {
      const breaker = of(integration);
      const nowMs = clock.nowMs();
      if (breaker.held || generation !== breaker.generation || breaker.phase === "open") return told(breaker);
      if (is === "failure") {
        if (breaker.phase === "half-open") become(breaker, "open", nowMs + OPEN_MS);
        else if (++breaker.failures >= OPENS_AFTER) {
          become(breaker, "open", nowMs + OPEN_MS);
          return { ...told(breaker), changed: "opened" };
        }
        return told(breaker);
      }
      breaker.failures = 0;
      if (breaker.phase === "closed") return told(breaker);
      if (++breaker.successes >= CLOSES_AFTER) {
        become(breaker, "closed", 0);
        return { ...told(breaker), changed: "closed" };
      }
      if (breaker.prober === holder) breaker.untilMs = nowMs;
      return told(breaker);
    },
    async order(integration, standing) {
      const breaker = of(integration);
      const nowMs = clock.nowMs();
      for (const { is, number } of standing) {
        const kind = kinds[is];
        if (number <= breaker.told[kind]) continue;
        breaker.told[kind] = number;
        if (kind === "pause") breaker.paused = is === "pause";
        else breaker.held = is !== "auto";
        if (is === "open") become(breaker, "open", nowMs);
        if (is === "closed") become(breaker, "closed", 0);
        if (is === "auto" && breaker.phase !== "closed") breaker.untilMs = nowMs;
      }
      return told(breaker);
    },
  };
}
