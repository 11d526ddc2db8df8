/** Circuit breakers in memory: of one process, which is all that the embedded form has. The same rules as in breaker.lua. */
import type { Clock } from "#platform/clock.ts";
import {
  type BreakerState,
  type Breakers,
  CLOSES_AFTER,
  type KeptOrder,
  OPEN_MS,
  OPENS_AFTER,
  ORDERS_KEPT,
  type Phase,
} from "./breaker.ts";

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
  readonly orders: KeptOrder[];
}

export function memoryBreakers({ clock }: { readonly clock: Clock }): Breakers {
  const breakers = new Map<string, Breaker>();

  const of = (integration: string): Breaker => {
    const fresh: Breaker = {
      ...{ phase: "closed", generation: 0, failures: 0, successes: 0, untilMs: 0, prober: undefined },
      ...{ held: false, paused: false, sinceMs: undefined, orders: [] },
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
    async order(integration, order) {
      const breaker = of(integration);
      const atMs = clock.nowMs();
      if (order.is === "pause" || order.is === "resume") breaker.paused = order.is === "pause";
      else breaker.held = order.is !== "auto";
      if (order.is === "open") become(breaker, "open", atMs);
      if (order.is === "closed") become(breaker, "closed", 0);
      if (order.is === "auto" && breaker.phase !== "closed") breaker.untilMs = atMs;
      breaker.orders.unshift({ ...order, atMs });
      breaker.orders.splice(ORDERS_KEPT);
      return told(breaker);
    },
    async orders(integration) {
      return [...of(integration).orders];
    },
  };
}
