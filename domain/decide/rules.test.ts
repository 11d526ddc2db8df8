import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { settleCategory } from "#domain/decide/category.ts";
import { BULK_RECIPIENTS, settlePriority } from "#domain/decide/priority.ts";
import { outageWait, retryAfter, roundUpToTier } from "#domain/decide/retry.ts";
import { isTerminal, notificationStatus, type Standing, supersedes } from "#domain/decide/status.ts";
import { DeliveryStatus, NotificationStatus, Priority } from "#gen/carillon/common/v1/common_pb.ts";

describe("the category", () => {
  test("is the sender's, else the event type up to its first dot, else general", () => {
    expect(settleCategory("billing", "order.paid")).toBe("billing");
    expect(settleCategory("", "order.paid")).toBe("order");
    expect(settleCategory("", "security_alert")).toBe("security_alert");
    expect(settleCategory("", "")).toBe("general");
    expect(settleCategory("", ".paid")).toBe("general");
  });

  test("is always something that a person can mute", () =>
    fc.assert(
      fc.property(fc.string({ maxLength: 128 }), (eventType) => {
        expect(settleCategory("", eventType)).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);
      }),
    ));
});

describe("the priority", () => {
  const unasked = (eventType: string, category = "") => settlePriority(Priority.UNSPECIFIED, eventType, category);

  test("follows the words of the event type and the category when none was asked for", () => {
    expect(unasked("security_alert")).toBe(Priority.CRITICAL);
    expect(unasked("security.login")).toBe(Priority.CRITICAL);
    for (const urgent of ["price_alert", "password_reset", "passwordReset", "login.otp", "email_verification", "stock.alerts"])
      expect(unasked(urgent)).toBe(Priority.HIGH);
    for (const bulk of ["newsletter", "weekly_digest", "marketing.spring", "alerts_digest"]) expect(unasked(bulk)).toBe(Priority.LOW);
    expect(unasked("order.paid", "newsletters")).toBe(Priority.LOW);
    expect(unasked("order.paid")).toBe(Priority.MEDIUM);
    expect(unasked("")).toBe(Priority.MEDIUM);
  });

  test("is as asked for up to 1,000 recipients; above, low unless critical", () =>
    fc.assert(
      fc.property(
        fc.constantFrom(Priority.LOW, Priority.MEDIUM, Priority.HIGH, Priority.CRITICAL),
        fc.string(),
        fc.integer({ min: 1, max: 3_000 }),
        (priority, eventType, count) => {
          const low = count > BULK_RECIPIENTS && priority !== Priority.CRITICAL;
          expect(settlePriority(priority, eventType, "", count)).toBe(low ? Priority.LOW : priority);
        },
      ),
    ));
});

describe("waits", () => {
  test("refusals wait 5 s, 1 m, 10 m, then an hour each, until the retries are used up", () => {
    expect([1, 2, 3, 4].map((attempt) => retryAfter(attempt, 3))).toEqual([5_000, 60_000, 600_000, undefined]);
    expect([4, 5, 6, 7].map((attempt) => retryAfter(attempt, 6))).toEqual([3_600_000, 3_600_000, 3_600_000, undefined]);
    expect(retryAfter(1, 0)).toBeUndefined();
  });

  test("an outage's wait grows from 5 s to 60 s, less at most a quarter, and is the same on a replay", () =>
    fc.assert(
      fc.property(fc.uuid(), fc.nat(5), fc.nat(1_000), (deliveryId, attempt, wait) => {
        const ms = outageWait({ deliveryId, attempt, wait });
        const fullMs = [5_000, 10_000, 20_000, 40_000][wait] ?? 60_000;
        expect(ms).toBeGreaterThanOrEqual(fullMs * 0.75);
        expect(ms).toBeLessThanOrEqual(fullMs);
        expect(outageWait({ deliveryId, attempt, wait })).toBe(ms);
      }),
    ));

  test("deliveries that wait together do not come back together", () => {
    const waits = Array.from({ length: 1_000 }, (_, each) => outageWait({ deliveryId: `delivery-${each}`, attempt: 0, wait: 4 }));
    const fifths = waits.map((ms) => Math.min(4, Math.floor((ms - 45_000) / 3_000)));
    for (const fifth of [0, 1, 2, 3, 4]) expect(fifths.filter((each) => each === fifth).length).toBeGreaterThan(140);
  });

  test("a Retry-After is rounded up to a tier, and above an hour stays as it is", () => {
    expect([0, 1, 5_000, 5_001, 60_000, 600_001, 3_600_000, 7_200_000].map(roundUpToTier)).toEqual([
      5_000, 5_000, 5_000, 60_000, 60_000, 3_600_000, 3_600_000, 7_200_000,
    ]);
  });
});

describe("the status", () => {
  const { QUEUED, DEFERRED, SENT, FAILED, DEAD, SKIPPED, CANCELED, EXPIRED } = DeliveryStatus;
  const anyStatus = fc.constantFrom(QUEUED, DEFERRED, SENT, FAILED, DEAD, SKIPPED, EXPIRED);
  const anyStanding: fc.Arbitrary<Standing> = fc.record({
    cycle: fc.integer({ min: 1, max: 2 }),
    status: anyStatus,
    attempt: fc.nat(3),
    wait: fc.nat(3),
  });
  const read = (events: readonly Standing[]) => events.reduce((known, event) => (supersedes(event, known) ? event : known));

  test("of a delivery is the same in whatever order, and however often, its events are read", () =>
    fc.assert(
      fc.property(fc.array(anyStanding, { minLength: 1 }), fc.infiniteStream(fc.nat()), (events, random) => {
        const shuffled = events.map((event) => ({ event, by: random.next().value as number }));
        const again = shuffled.sort((a, b) => a.by - b.by).flatMap(({ event }) => [event, event]);
        expect(read(again)).toEqual(read(events));
      }),
    ));

  test("of a delivery never leaves its end within a cycle, and starts anew in the next", () => {
    const at = (cycle: number, status: DeliveryStatus): Standing => ({ cycle, status, attempt: 0, wait: 0 });
    for (const end of [SENT, FAILED, DEAD, SKIPPED, EXPIRED]) {
      expect(isTerminal(end)).toBe(true);
      for (const open of [QUEUED, DEFERRED]) {
        expect(supersedes({ ...at(1, open), attempt: 9, wait: 9 }, at(1, end))).toBe(false);
        expect(supersedes(at(2, open), at(1, end))).toBe(true);
      }
    }
    expect(read([at(1, EXPIRED), at(1, SENT)]).status).toBe(SENT);
  });

  test("of a notification waits for every recipient, then for every delivery", () => {
    expect(notificationStatus([SENT], false)).toBe(NotificationStatus.PROCESSING);
    expect(notificationStatus([SENT, QUEUED], true)).toBe(NotificationStatus.PROCESSING);
    expect(notificationStatus([SENT, DEFERRED], true)).toBe(NotificationStatus.PROCESSING);
    expect(notificationStatus([SENT, DEAD, SKIPPED], true)).toBe(NotificationStatus.SENT);
    for (const end of [FAILED, DEAD, EXPIRED]) expect(notificationStatus([SKIPPED, end], true)).toBe(NotificationStatus.FAILED);
    expect(notificationStatus([SKIPPED, SKIPPED], true)).toBe(NotificationStatus.SKIPPED);
    expect(notificationStatus([SKIPPED, CANCELED], true)).toBe(NotificationStatus.CANCELED);
    expect(notificationStatus([CANCELED, SENT], true)).toBe(NotificationStatus.SENT);
    expect(notificationStatus([CANCELED, FAILED], true)).toBe(NotificationStatus.FAILED);
  });
});
