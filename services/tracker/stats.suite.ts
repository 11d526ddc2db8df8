/** What every HistoryStore holds to when it counts. `open` answers an empty store each time. */
import { create, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type DeliveryEvent, DeliveryEventSchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { countedIn } from "./counted.ts";
import { DAY_MS, dayOf } from "./days.ts";
import { recountOf } from "./stats.fixture.ts";
import type { Days, HistoryStore, RecordedEvent } from "./store.ts";

const { EMAIL, WEB } = Channel;
const { SENT, DEFERRED, SKIPPED, QUEUED } = DeliveryStatus;

const HOUR_MS = 3_600_000;
/** Of late: what is older than the history is kept may go uncounted. */
const TODAY = dayOf(systemClock.nowMs());
const NOON_MS = TODAY * DAY_MS - DAY_MS / 2;
const YESTERDAY = dayOf(NOON_MS);

interface Happened {
  readonly eventId: string;
  readonly atMs?: number;
  readonly channel?: Channel;
  readonly status?: DeliveryStatus;
  readonly environment?: string;
}

const delivery = ({ eventId, atMs = NOON_MS, channel = EMAIL, status = SENT, environment = "development" }: Happened): DeliveryEvent =>
  create(DeliveryEventSchema, {
    ...{ eventId, moment: Moment.DELIVERY, environment, notificationId: `n-${eventId[0]}`, deliveryId: `d-${eventId}` },
    ...{ channel, status, atMs: BigInt(atMs) },
  });

const recorded = (event: DeliveryEvent): RecordedEvent => ({
  ...{ environment: event.environment, notificationId: event.notificationId, eventId: event.eventId, atMs: Number(event.atMs) },
  ...{ event: toBinary(DeliveryEventSchema, event), counted: countedIn(event) },
});

export function statsSuite(name: string, open: () => Promise<HistoryStore>): void {
  describe(`${name} as a store that counts`, () => {
    const record = (store: HistoryStore, ...events: readonly DeliveryEvent[]) => store.record(events.map(recorded));
    const stats = async (
      store: HistoryStore,
      { environment = "development", fromDay = YESTERDAY - 7, toDay = TODAY }: Partial<Days> = {},
    ) => {
      await store.recount?.();
      return store.stats({ environment, fromDay, toDay });
    };

    it("counts by day, channel and status, in that order", async () => {
      const store = await open();
      await record(
        store,
        delivery({ eventId: "a1" }),
        delivery({ eventId: "b1", status: DEFERRED }),
        delivery({ eventId: "c1" }),
        delivery({ eventId: "a2", channel: WEB }),
        delivery({ eventId: "a3", atMs: NOON_MS - DAY_MS }),
      );
      expect(await stats(store)).toEqual([
        { day: YESTERDAY - 1, channel: EMAIL, status: SENT, count: 1 },
        { day: YESTERDAY, channel: EMAIL, status: DEFERRED, count: 1 },
        { day: YESTERDAY, channel: EMAIL, status: SENT, count: 2 },
        { day: YESTERDAY, channel: WEB, status: SENT, count: 1 },
      ]);
    });

    it("counts an event once, however often it comes", async () => {
      const store = await open();
      await record(store, delivery({ eventId: "a1" }), delivery({ eventId: "a1" }), delivery({ eventId: "a2" }));
      expect((await stats(store))[0]?.count).toBe(2);
      await record(store, delivery({ eventId: "a1" }), delivery({ eventId: "a3" }));
      expect((await stats(store))[0]?.count).toBe(3);
    });

    it("counts what comes late, into an hour that was counted before", async () => {
      const store = await open();
      await record(store, delivery({ eventId: "a1" }));
      expect((await stats(store))[0]?.count).toBe(1);
      await record(store, delivery({ eventId: "a2" }), delivery({ eventId: "a3", atMs: NOON_MS - 5 * HOUR_MS }));
      expect((await stats(store))[0]?.count).toBe(3);
    });

    it("begins and ends a day at midnight in UTC", async () => {
      const store = await open();
      const midnightMs = YESTERDAY * DAY_MS;
      await record(store, delivery({ eventId: "a1", atMs: midnightMs }), delivery({ eventId: "a2", atMs: midnightMs - 1 }));
      expect((await stats(store)).map(({ day, count }) => [day, count])).toEqual([
        [YESTERDAY - 1, 1],
        [YESTERDAY, 1],
      ]);
    });

    it("tells of the days asked for, of one environment", async () => {
      const store = await open();
      await record(
        store,
        delivery({ eventId: "a1" }),
        delivery({ eventId: "a2", atMs: NOON_MS - DAY_MS }),
        delivery({ eventId: "a3", atMs: NOON_MS - 2 * DAY_MS }),
        delivery({ eventId: "a1", environment: "production" }),
      );
      const days = async (asked: Partial<Days>) => (await stats(store, asked)).map(({ day, count }) => [day - YESTERDAY, count]);
      expect(await days({ fromDay: YESTERDAY - 1, toDay: YESTERDAY - 1 })).toEqual([[-1, 1]]);
      expect(await days({ fromDay: YESTERDAY - 1, toDay: YESTERDAY })).toEqual([
        [-1, 1],
        [0, 1],
      ]);
      expect(await days({ environment: "production" })).toEqual([[0, 1]]);
      expect(await days({ environment: "staging" })).toEqual([]);
    });

    it("counts each delivery of a decision", async () => {
      const store = await open();
      const decision = { send: false, reasons: ["quiet_hours"], target: "", untilMs: 0n, locale: "" };
      const event = create(DeliveryEventSchema, {
        ...{ eventId: "a1", moment: Moment.DECIDED, environment: "development", notificationId: "n", atMs: BigInt(NOON_MS) },
        decisions: [
          { ...decision, deliveryId: "d1", channel: EMAIL },
          { ...decision, deliveryId: "d2", channel: WEB, send: true },
        ],
      });
      await record(store, event, event);
      expect(await stats(store)).toEqual([
        { day: YESTERDAY, channel: EMAIL, status: SKIPPED, count: 1 },
        { day: YESTERDAY, channel: WEB, status: QUEUED, count: 1 },
      ]);
    });

    it("tells what a recount of the history tells, whatever came, however often, in whatever batches", { timeout: 60_000 }, async () => {
      const happened = fc.record({
        eventId: fc.stringMatching(/^[a-c][0-9]$/),
        atMs: fc.integer({ min: NOON_MS - 4 * DAY_MS, max: NOON_MS }),
        channel: fc.constantFrom(EMAIL, WEB),
        status: fc.constantFrom(SENT, DEFERRED),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(happened, { selector: ({ eventId }) => eventId, minLength: 1, maxLength: 20 }),
          fc.array(fc.array(fc.nat({ max: 19 }), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
          async (events, batches) => {
            const store = await open();
            for (const batch of batches) await record(store, ...batch.flatMap((at) => events[at] ?? []).map(delivery));
            const ids = ["n-a", "n-b", "n-c"];
            const history = (await store.eventsOf("development", ids)).flat();
            expect(await stats(store)).toEqual(recountOf(history));
          },
        ),
        { numRuns: 10 },
      );
    });
  });
}
