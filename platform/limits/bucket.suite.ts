/** What every Buckets holds to. `open` answers empty ones each time, on a clock that stands still until it is moved on. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Clock } from "#platform/clock.ts";
import { type Ask, BOOKED_AFTER_MS, type Booking, type Buckets, type ByLane, lanes, type Rate } from "./bucket.ts";

interface Opened {
  readonly buckets: Buckets;
  readonly clock: Clock & { advance(ms: number): Promise<void> };
}

/** Ten a second, of which twenty can be saved up; low leaves four. */
const rate: Rate = { perSecond: 10, burst: 20 };
const none = { high: 0, medium: 0, low: 0 };

export function bucketSuite(name: string, open: () => Promise<Opened>): void {
  async function opened() {
    const { buckets, clock } = await open();
    const take = (wanted: Partial<ByLane<number>>, more: Partial<Ask> = {}) =>
      buckets.take({ integration: "a", rate, holder: "w-1", back: 0, kept: 0, ahead: 0, ...more, wanted: { ...none, ...wanted } });
    const taken = async (wanted: Partial<ByLane<number>>, more?: Partial<Ask>) => (await take(wanted, more)).granted;
    const book = (more: Partial<Booking> = {}) => buckets.book({ integration: "a", rate, lane: "low", count: 1, ...more });
    const level = () => buckets.level("a", rate);
    return { clock, take, taken, book, level };
  }

  describe(`token buckets ${name}`, () => {
    it("a bucket that nobody has asked of is full, and gives its burst and no more", async () => {
      const { taken } = await opened();
      expect(await taken({ high: 15 })).toEqual({ ...none, high: 15 });
      expect(await taken({ high: 15 })).toEqual({ ...none, high: 5 });
      expect(await taken({ high: 1 })).toEqual(none);
    });

    it("it says when the next token comes, and then it is there", async () => {
      const { take, taken, clock } = await opened();
      expect((await take({ high: 20 })).nextMs).toEqual({ high: 100, medium: 100, low: 500 });
      await clock.advance(99);
      const { granted, nextMs } = await take({ high: 1 });
      expect([granted.high, nextMs.high]).toEqual([0, 1]);
      await clock.advance(1);
      expect(await taken({ high: 2 })).toEqual({ ...none, high: 1 });
      await clock.advance(1_000);
      expect((await take({})).nextMs).toEqual({ high: 0, medium: 0, low: 0 });
    });

    it("it tells how many lie in it beside those that are leased, and whoever asks takes no part", async () => {
      const { take, level, clock } = await opened();
      expect(await level()).toBe(20);
      await take({ high: 5 }, { ahead: 10 });
      expect(await level()).toBe(5);
      expect(await level()).toBe(5);
      expect((await take({}, { kept: 10 })).holders).toBe(1);
      await clock.advance(500);
      expect(await level()).toBe(10);
      await clock.advance(60_000);
      expect(await level()).toBe(20);
    });

    it("it never holds more than its burst, however long nobody asks", async () => {
      const { taken, clock } = await opened();
      await taken({ high: 20 });
      await clock.advance(60_000);
      expect(await taken({ high: 100 })).toEqual({ ...none, high: 20 });
    });

    it("high takes before medium before low, and low leaves a fifth", async () => {
      const { taken } = await opened();
      expect(await taken({ high: 5, medium: 6, low: 20 })).toEqual({ high: 5, medium: 6, low: 5 });
      expect(await taken({ low: 1 })).toEqual(none);
      expect(await taken({ high: 1, medium: 10, low: 1 })).toEqual({ high: 1, medium: 3, low: 0 });
    });

    it("low alone has the whole rate all the same", async () => {
      const { taken, clock } = await opened();
      await taken({ low: 100 });
      let count = 0;
      for (let second = 0; second < 60; second++) {
        await clock.advance(1_000);
        count += (await taken({ low: 100 })).low;
      }
      expect(count).toBe(600);
    });

    it("low can have a token of a bucket that holds one", async () => {
      const { taken } = await opened();
      const slow = { rate: { perSecond: 1, burst: 1 } };
      expect(await taken({ low: 1 }, slow)).toEqual({ ...none, low: 1 });
      expect(await taken({ low: 1 }, slow)).toEqual(none);
    });

    it("what is leased ahead counts against the burst for a second, and no longer", async () => {
      const { take, taken, clock } = await opened();
      expect((await take({}, { ahead: 10 })).ahead).toBe(10);
      await clock.advance(999);
      expect(await taken({ high: 100 }, { holder: "w-2" })).toEqual({ ...none, high: 10 });
      await clock.advance(1);
      await clock.advance(60_000);
      expect(await taken({ high: 100 }, { holder: "w-2" })).toEqual({ ...none, high: 20 });
    });

    it("what is leased ahead comes from what low may take", async () => {
      const { take } = await opened();
      expect((await take({}, { ahead: 100 })).ahead).toBe(16);
    });

    it("what is given back is there again, and what is kept still counts", async () => {
      const { take, taken } = await opened();
      await take({}, { ahead: 10 });
      await take({}, { back: 6, kept: 4 });
      expect(await taken({ high: 100 }, { holder: "w-2" })).toEqual({ ...none, high: 16 });
      await take({}, { back: 0, kept: 0 });
      expect(await taken({ high: 100 }, { holder: "w-2" })).toEqual(none);
    });

    it("integrations have buckets of their own", async () => {
      const { taken } = await opened();
      await taken({ high: 20 });
      expect(await taken({ high: 1 }, { integration: "b" })).toEqual({ ...none, high: 1 });
    });

    it("it knows how many ask, and forgets who has not for five seconds", async () => {
      const { take, clock } = await opened();
      expect((await take({}, { holder: "w-1" })).holders).toBe(1);
      expect((await take({}, { holder: "w-2" })).holders).toBe(2);
      await clock.advance(4_999);
      expect((await take({}, { holder: "w-2" })).holders).toBe(2);
      await clock.advance(1);
      expect((await take({}, { holder: "w-2" })).holders).toBe(1);
    });

    it("who books comes again one after the other, as the rate lets them, each lane for itself", async () => {
      const { book, clock } = await opened();
      expect(await book({ count: 100 })).toBe(BOOKED_AFTER_MS);
      expect(await book({ count: 1 })).toBe(BOOKED_AFTER_MS + 10_000);
      expect(await book({ count: 1, lane: "high" })).toBe(BOOKED_AFTER_MS);
      expect(await book({ count: 1, integration: "b" })).toBe(BOOKED_AFTER_MS);
      await clock.advance(5_000);
      expect(await book()).toBe(BOOKED_AFTER_MS + 10_100 - 5_000);
      await clock.advance(60_000);
      expect(await book()).toBe(BOOKED_AFTER_MS);
    });

    it("four workers that take what they can get the rate together, and never more than the burst on top of it", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({ perSecond: fc.integer({ min: 2, max: 500 }), saved: fc.double({ min: 0.1, max: 3, noNaN: true }) }),
          fc.array(fc.record({ worker: fc.nat(3), lane: fc.constantFrom(...lanes), afterMs: fc.nat(60), ahead: fc.nat(3) }), {
            minLength: 20,
            maxLength: 60,
          }),
          async ({ perSecond, saved }, asks) => {
            const { take, clock } = await opened();
            const some: Rate = { perSecond, burst: Math.max(1, Math.ceil(perSecond * saved)) };
            const startMs = clock.nowMs();
            let got = 0;
            for (const { worker, lane, afterMs, ahead } of asks) {
              await clock.advance(afterMs);
              const { granted, ahead: given } = await take({ [lane]: 1_000 }, { rate: some, holder: `w-${worker}`, ahead });
              got += granted[lane] + given;
              expect(got).toBeLessThanOrEqual(some.burst + ((clock.nowMs() - startMs) / 1_000) * perSecond + 1e-3);
            }
          },
        ),
        { numRuns: 20 },
      );
      const { taken, clock } = await opened();
      await taken({ high: 1_000 });
      let got = 0;
      for (let turn = 0; turn < 1_000; turn++) {
        await clock.advance(30);
        got += (await taken({ medium: 3 }, { holder: `w-${turn % 4}` })).medium;
      }
      expect(got).toBeGreaterThanOrEqual(300 * 0.98);
      expect(got).toBeLessThanOrEqual(300 * 1.02);
    });
  });
}
