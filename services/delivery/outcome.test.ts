import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterLease, type Deferred, type Ended, endAgain, follow, heldBack, type Waiting, waitAgain } from "./outcome.ts";
import type { Outcome } from "./sender.ts";

const NOW = 1_700_000_000_000;
const delivery = (more: Partial<Waiting> = {}): Waiting => ({
  deliveryId: "d",
  attempt: 0,
  wait: 0,
  expiresAtMs: NOW + 259_200_000,
  timeZone: "",
  atMostOnce: false,
  ...more,
});
const following = (outcome: Outcome, more: Partial<Waiting> = {}, maxRetryCount = 3): Ended | Deferred =>
  follow(outcome, delivery(more), { maxRetryCount, nowMs: NOW, leaseUntilMs: NOW + 17_000 });
const refusal = <Is extends "rejected" | "retry" | "outage" | "unknown">(is: Is, afterMs?: number) =>
  ({ is, code: "c", detail: "d", ...(afterMs !== undefined && { afterMs }) }) as Outcome;

describe("what follows from an outcome", () => {
  it("an accepted delivery is sent, a rejected one failed, each by the attempt that ends", () => {
    const by = { attempt: 2, wait: 1 };
    expect(following({ is: "accepted", providerMessageId: "m", detail: "" }, by)).toEqual({
      ...{ is: "sent", reason: "accepted_by_provider", attempt: 3, by },
    });
    expect(following(refusal("rejected"), by)).toEqual({ is: "failed", reason: "refused_by_provider", attempt: 3, by });
  });

  it.each([
    [0, 5_000],
    [1, 60_000],
    [2, 600_000],
  ])("a refusal for now after %i attempts waits %i ms, and starts to count waits anew", (attempt, waitMs) => {
    expect(following(refusal("retry"), { attempt, wait: 4 })).toMatchObject({
      ...{ is: "deferred", reason: "temporarily_refused", attempt: attempt + 1 },
      ...{ next: { attempt: attempt + 1, wait: 0 }, dueAtMs: NOW + waitMs },
    });
  });

  it("the last allowed refusal is the end", () => {
    for (const is of ["retry", "unknown"] as const)
      expect(following(refusal(is), { attempt: 3 })).toMatchObject({ is: "dead", reason: "attempts_exhausted", attempt: 4 });
  });

  it("an outage burns no attempt and counts a wait", () => {
    const next = following(refusal("outage"), { attempt: 2, wait: 1 });
    expect(next).toMatchObject({ is: "deferred", reason: "provider_unavailable", attempt: 0, next: { attempt: 2, wait: 2 } });
  });

  it("a provider that names a time is not asked before it, and the wait goes through a tier", () => {
    for (const is of ["retry", "outage"] as const) expect(following(refusal(is, 61_000))).toMatchObject({ dueAtMs: NOW + 600_000 });
  });

  it("what may have been sent waits for the lease to end", () => {
    expect(following(refusal("unknown"))).toMatchObject({ is: "deferred", next: { attempt: 1, wait: 0 }, dueAtMs: NOW + 17_000 });
  });

  it("a wait that would reach the expiry expires", () => {
    for (const is of ["retry", "outage"] as const)
      expect(following(refusal(is), { expiresAtMs: NOW + 3_000 })).toMatchObject({ is: "expired", reason: "expired" });
  });

  it("whatever happens, progress grows, attempts are bounded, and nothing waits past the expiry", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("retry" as const, "outage" as const, "unknown" as const),
        fc.record({ attempt: fc.nat(10), wait: fc.nat(50), expiresAtMs: fc.integer({ min: NOW, max: NOW + 10_000_000 }) }),
        fc.nat(10),
        (is, more, maxRetryCount) => {
          const next = following(refusal(is), more, maxRetryCount);
          if (next.is !== "deferred") return;
          const { attempt, wait } = next.next;
          expect(attempt > more.attempt || (attempt === more.attempt && wait > more.wait)).toBe(true);
          expect(attempt).toBeLessThanOrEqual(Math.max(more.attempt, maxRetryCount));
          expect(next.dueAtMs).toBeGreaterThan(NOW);
          if (is !== "unknown") expect(next.dueAtMs).toBeLessThan(more.expiresAtMs);
        },
      ),
    );
  });
});

describe("a try that is about to begin", () => {
  /** NOW is 22:13:20 UTC. */
  const night = { quietHours: { start: "22:00", end: "07:00", days: [] }, timeZone: "UTC" };
  const endMs = Date.parse("2023-11-15T07:00:00Z");

  it("within the person's quiet hours waits until they end, and burns no attempt", () => {
    const held = { is: "deferred", reason: "quiet_hours", attempt: 0, next: { attempt: 1, wait: 3 }, dueAtMs: endMs };
    expect(heldBack(delivery({ attempt: 1, wait: 2, ...night }), NOW)).toEqual(held);
    expect(heldBack(delivery({ ...night, timeZone: "Asia/Tokyo" }), NOW)).toBeUndefined();
  });

  it("begins outside of them, from the very moment on that they end, and where there are none", () => {
    expect(heldBack(delivery(night), NOW - 3_600_000)).toBeUndefined();
    expect(heldBack(delivery(night), endMs - 1)).toBeDefined();
    expect(heldBack(delivery(night), endMs)).toBeUndefined();
    expect(heldBack(delivery(), NOW)).toBeUndefined();
  });

  it("ends where it has expired, or will before they end", () => {
    const by = { attempt: 0, wait: 0 };
    const ended = (reason: string) => ({ is: "expired", reason, attempt: 0, by });
    expect(heldBack(delivery({ expiresAtMs: NOW }), NOW)).toEqual(ended("expired"));
    expect(heldBack(delivery({ expiresAtMs: endMs, ...night }), NOW)).toEqual(ended("expires_in_quiet_hours"));
    expect(heldBack(delivery({ expiresAtMs: endMs + 1, ...night }), NOW)).toMatchObject({ dueAtMs: endMs });
  });

  it("held back makes the same wait once more", () => {
    const by = delivery({ attempt: 2, wait: 1, ...night });
    const first = heldBack(by, NOW) as Deferred;
    expect(waitAgain(by, first.next, NOW)).toEqual(first);
  });
});

describe("what is made once more", () => {
  it("a wait that a released send began has the same next record and the same length, from now", () => {
    for (const is of ["retry", "outage"] as const) {
      const first = following(refusal(is)) as Deferred;
      expect(waitAgain(delivery(), first.next, NOW)).toEqual(first);
    }
  });

  it("an end that the ledger knows names the try that ended it", () => {
    const by = { attempt: 1, wait: 2 };
    expect(endAgain("sent", by)).toEqual({ is: "sent", reason: "accepted_by_provider", attempt: 2, by });
    expect(endAgain("expired", by)).toEqual({ is: "expired", reason: "expired", attempt: 0, by });
  });

  it("who meets a lease comes again when it ends", () => {
    expect(afterLease({ attempt: 1, wait: 2 }, NOW)).toMatchObject({ next: { attempt: 1, wait: 3 }, dueAtMs: NOW, attempt: 0 });
  });
});
