import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Watermark } from "./watermark.ts";

describe("the watermark", () => {
  it("is the contiguous prefix after every step of any completion order", () => {
    const taken = fc.integer({ min: 1, max: 60 }).chain((count) =>
      fc.record({
        start: fc.nat(1_000),
        order: fc.shuffledSubarray(
          Array.from({ length: count }, (_, index) => index),
          { minLength: 0, maxLength: count },
        ),
        count: fc.constant(count),
      }),
    );
    fc.assert(
      fc.property(taken, ({ start, order, count }) => {
        const watermark = new Watermark(start);
        const tickets = Array.from({ length: count }, (_, index) => watermark.take(start + index));
        const settled = new Set<number>();
        for (const index of order) {
          watermark.settle(tickets[index] as number);
          settled.add(index);
          let prefix = 0;
          while (settled.has(prefix)) prefix++;
          expect(watermark.position).toBe(start + prefix);
          expect(watermark.span).toBe(count - prefix);
        }
      }),
    );
  });

  it("never moves back, whatever is taken and settled in turn", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 3_000 }), (picks) => {
        const watermark = new Watermark(0);
        const open: number[] = [];
        let offset = 0;
        let last = 0;
        for (const pick of picks) {
          if (pick < 5 || open.length === 0) open.push(watermark.take(offset++));
          else watermark.settle(open.splice(pick % open.length, 1)[0] as number);
          expect(watermark.position).toBeGreaterThanOrEqual(last);
          last = watermark.position;
        }
        for (const ticket of open) watermark.settle(ticket);
        expect(watermark.position).toBe(offset);
      }),
    );
  });

  it("stands at the first unsettled offset where offsets have holes", () => {
    const watermark = new Watermark(3);
    const first = watermark.take(7);
    const second = watermark.take(12);
    watermark.settle(second);
    expect(watermark.position).toBe(7);
    watermark.settle(first);
    expect(watermark.position).toBe(13);
  });

  it("keeps counting right over many thousands", () => {
    const watermark = new Watermark(0);
    for (let offset = 0; offset < 10_000; offset++) watermark.settle(watermark.take(offset));
    expect(watermark.position).toBe(10_000);
    expect(watermark.span).toBe(0);
  });
});
