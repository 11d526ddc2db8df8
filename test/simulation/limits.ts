/** The buckets and breakers of a simulated run: they are where the ledger is, and are lost with it. */
import type { Clock } from "#platform/clock.ts";
import { memoryBreakers } from "#platform/limits/breaker.memory.ts";
import type { Breakers } from "#platform/limits/breaker.ts";
import { memoryBuckets } from "#platform/limits/bucket.memory.ts";
import type { Buckets } from "#platform/limits/bucket.ts";
import { type BreakersNeeds, watchedBreakers } from "./breakers.ts";
import type { brokenBy } from "./mutant.ts";

interface Needs extends BreakersNeeds {
  readonly clock: Clock;
  readonly broken: ReturnType<typeof brokenBy>;
}

export function limitsOf({ clock, broken, ...needs }: Needs) {
  const empty = () => ({
    buckets: broken.buckets(memoryBuckets({ clock })),
    breakers: watchedBreakers(broken.breakers(memoryBreakers({ clock })), needs),
  });
  let now = empty();
  const buckets: Buckets = {
    take: (ask) => now.buckets.take(ask),
    book: (booking) => now.buckets.book(booking),
    level: (integration, rate) => now.buckets.level(integration, rate),
  };
  const breakers: Breakers = {
    read: (integrations) => now.breakers.read(integrations),
    probe: (probe) => now.breakers.probe(probe),
    report: (result) => now.breakers.report(result),
    order: (integration, standing) => now.breakers.order(integration, standing),
  };
  const lose = () => {
    now = empty();
  };
  return { buckets, breakers, lose };
}
