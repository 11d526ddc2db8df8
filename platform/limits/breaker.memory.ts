/** Circuit breakers in memory: of one process, which is all that the embedded form has. The same rules as in breaker.lua. */
import type { Clock } from "#platform/clock.ts";
import { type BreakerState, type Breakers, CLOSES_AFTER, OPEN_MS, OPENS_AFTER, type Phase } from "./breaker.ts";

interface Breaker {
  phase: Phase;
  generation: number;
  failures: number;
  successes: number;
  /** Until then nobody may probe: while it is open, or while somebody does. */
  untilMs: number;
  prober: string | undefined;
}

export function memoryBreakers({ clock }: { readonly clock: Clock }): Breakers {
  const breakers = new Map<string, Breaker>();

  const of = (integration: string): Breaker => {
    const fresh: Breaker = { phase: "closed", generation: 0, failures: 0, successes: 0, untilMs: 0, prober: undefined };
    const there = breakers.get(integration) ?? fresh;
    breakers.set(integration, there);
    return there;
  };
  const become = (breaker: Breaker, phase: Phase, untilMs: number): void => {
    Object.assign(breaker, { phase, untilMs, generation: breaker.generation + 1, failures: 0, successes: 0, prober: undefined });
  };
  const told = ({ phase, generation, failures, untilMs }: Breaker): BreakerState => ({
    ...{ phase, generation, failures },
    waitMs: phase === "closed" ? 0 : Math.max(0, untilMs - clock.nowMs()),
  });

  return {
    async read(integrations) {
      return integrations.map((integration) => told(of(integration)));
    },
    async probe({ integration, holder, leaseMs }) {
      const breaker = of(integration);
      const nowMs = clock.nowMs();
      if (breaker.phase === "closed" || nowMs < breaker.untilMs) return { ...told(breaker), granted: false };
      if (breaker.phase === "open") become(breaker, "half-open", 0);
      breaker.untilMs = nowMs + leaseMs;
      breaker.prober = holder;
      return { ...told(breaker), granted: true };
    },
    async report({ integration, generation, holder, is }) {
      const breaker = of(integration);
      const nowMs = clock.nowMs();
      if (generation !== breaker.generation || breaker.phase === "open") return told(breaker);
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
  };
}
