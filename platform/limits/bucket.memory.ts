/** Token buckets in memory: of one process, which is all that the embedded form has. The same rules as in take.lua and book.lua. */
import type { Clock } from "#platform/clock.ts";
import { BOOKED_AFTER_MS, type Buckets, type Grant, HOLDER_MS, type Lane, LEASE_MS, leftByLow, type Rate } from "./bucket.ts";

interface Holder {
  readonly count: number;
  readonly untilMs: number;
  readonly seenMs: number;
}

interface Bucket {
  level: number;
  atMs: number;
  readonly holders: Map<string, Holder>;
  /** When the next that books is due, by lane. */
  readonly booked: Map<Lane, number>;
}

/** What rounding may have taken from a token that is there. */
const EPSILON = 1e-6;

export function memoryBuckets({ clock }: { readonly clock: Clock }): Buckets {
  const buckets = new Map<string, Bucket>();

  const bucketOf = (integration: string, { burst }: Rate): Bucket => {
    const there = buckets.get(integration) ?? { level: burst, atMs: clock.nowMs(), holders: new Map(), booked: new Map() };
    buckets.set(integration, there);
    return there;
  };

  return {
    async take({ integration, rate, holder, back, kept, wanted, ahead }) {
      const nowMs = clock.nowMs();
      const bucket = bucketOf(integration, rate);
      for (const [name, { seenMs }] of bucket.holders) if (nowMs - seenMs >= HOLDER_MS) bucket.holders.delete(name);
      bucket.holders.set(holder, { count: kept, untilMs: nowMs + LEASE_MS, seenMs: nowMs });
      let leased = 0;
      for (const { count, untilMs } of bucket.holders.values()) if (untilMs > nowMs) leased += count;

      const filled = bucket.level + (Math.max(0, nowMs - bucket.atMs) / 1_000) * rate.perSecond + back;
      bucket.atMs = nowMs;
      bucket.level = Math.max(0, Math.min(filled, rate.burst - leased));
      const left = leftByLow(rate);
      const some = (count: number, leaves: number): number => {
        const given = Math.max(0, Math.min(count, Math.floor(bucket.level - leaves + EPSILON)));
        bucket.level -= given;
        return given;
      };
      const granted = { high: some(wanted.high, 0), medium: some(wanted.medium, 0), low: some(wanted.low, left) };
      const given = some(ahead, left);
      bucket.holders.set(holder, { count: kept + given, untilMs: nowMs + LEASE_MS, seenMs: nowMs });

      const next = (leaves: number) => Math.max(0, Math.ceil(((1 + leaves - bucket.level - EPSILON) / rate.perSecond) * 1_000));
      const nextMs = { high: next(0), medium: next(0), low: next(left) };
      return { granted, ahead: given, nextMs, holders: bucket.holders.size } satisfies Grant;
    },
    async level(integration, rate) {
      const nowMs = clock.nowMs();
      const bucket = buckets.get(integration);
      if (!bucket) return rate.burst;
      let leased = 0;
      for (const { count, untilMs } of bucket.holders.values()) if (untilMs > nowMs) leased += count;
      const filled = bucket.level + (Math.max(0, nowMs - bucket.atMs) / 1_000) * rate.perSecond;
      return Math.max(0, Math.min(filled, rate.burst - leased));
    },
    async book({ integration, rate, lane, count }) {
      const nowMs = clock.nowMs();
      const { booked } = bucketOf(integration, rate);
      const firstMs = Math.max(booked.get(lane) ?? 0, nowMs + BOOKED_AFTER_MS);
      booked.set(lane, firstMs + (count / rate.perSecond) * 1_000);
      return Math.ceil(firstMs - nowMs);
    },
  };
}
