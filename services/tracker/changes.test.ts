import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changesSince } from "./changes.ts";
import { historyOf } from "./history.ts";
import { notificationOf } from "./notification.ts";
import * as story from "./story.fixture.ts";

const { NOTIFICATION, EMAIL, WEB, DEFERRED, SENT } = story;
const events = story.likedStory();
const seen = (of: typeof events) => historyOf(NOTIFICATION, of);
const told = (known: typeof events, now: typeof events) =>
  changesSince(seen(known), seen(now)).map(({ userId, channel, status }) => [userId, channel, status]);

describe("the changes between two looks", () => {
  it("are every step of a delivery, also of several that came at once", () => {
    expect(told(events.slice(0, 5), events)).toEqual([
      ["ann", WEB, SENT],
      ["ann", EMAIL, DEFERRED],
      ["ann", EMAIL, SENT],
    ]);
  });

  it("begin with the decision, for a delivery that was not there yet", () => {
    const bo = told(events.slice(0, 1), events.slice(0, 3)).filter(([userId]) => userId === "bo");
    expect(bo).toEqual([
      ["bo", EMAIL, story.SKIPPED],
      ["bo", WEB, story.SKIPPED],
    ]);
  });

  it("are none when nothing came, or only what takes no delivery further", () => {
    expect(told(events, events)).toEqual([]);
    const late = story.change("ann", EMAIL, DEFERRED, 3_000n, {
      attempt: 1,
      wait: 7,
      reason: "provider_unavailable",
      target: "ann@example.test",
    });
    expect(told(events, [...events, late])).toEqual([]);
  });

  it("end where the deliveries stand, however the looks fall", () => {
    const looks = fc.shuffledSubarray(events, { minLength: events.length }).chain((order) =>
      fc.record({
        order: fc.constant(order),
        cuts: fc.array(fc.nat(order.length), { maxLength: 4 }).map((cuts) => [...cuts, order.length].sort((a, b) => a - b)),
      }),
    );
    fc.assert(
      fc.property(looks, ({ order, cuts }) => {
        let known = seen([]);
        const standing = new Map<string, unknown>();
        for (const cut of cuts) {
          const now = seen(order.slice(0, cut));
          for (const delivery of changesSince(known, now)) standing.set(delivery.deliveryId, delivery);
          known = now;
        }
        const { deliveries } = notificationOf(seen(events));
        expect([...standing.keys()].sort()).toEqual(deliveries.map(({ deliveryId }) => deliveryId).sort());
        for (const delivery of deliveries) expect(standing.get(delivery.deliveryId)).toEqual(delivery);
      }),
    );
  });
});
