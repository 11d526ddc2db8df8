import { beforeEach, expect, it } from "vitest";
import { type FakeClock, fakeClock } from "../../../test/fakes/clock.ts";
import { LogWindow } from "./log-window.ts";

const LEAST_COST = 1_024 * 1_024;

let clock: FakeClock;
let window: LogWindow;
beforeEach(() => {
  clock = fakeClock();
  window = new LogWindow(clock);
});

/** Alone, again and again, until the log's time to answer is known. */
async function answers(afterMs: number): Promise<void> {
  for (let time = 0; time < 60; time++) {
    const answered = window.begin(1);
    await clock.advance(afterMs);
    answered();
  }
}
/** How much goes in beside what little is there. */
function room(): number {
  const answered = window.begin(1);
  let most = 0;
  while (window.fits(most + LEAST_COST / 4)) most += LEAST_COST / 4;
  answered();
  return most;
}

it("lets in what keeps a quick log busy, and one that is larger alone", async () => {
  await answers(3);
  expect(room()).toBe(0.75 * LEAST_COST);
  expect(window.fits(100 * LEAST_COST)).toBe(true);
});

it("lets more into a log that takes longer to answer, up to a bound", async () => {
  await answers(50);
  expect(room()).toBeGreaterThan(2 * LEAST_COST);
  await answers(5_000);
  expect(room()).toBeLessThanOrEqual(8 * LEAST_COST);
  await answers(3);
  expect(room()).toBeLessThan(LEAST_COST * 1.5);
});

it("does not take a queue for a slow log: what waits behind others says nothing", async () => {
  await answers(3);
  for (let round = 0; round < 100; round++) {
    const first = window.begin(1);
    const behind = window.begin(1);
    await clock.advance(3);
    first();
    await clock.advance(1_000);
    behind();
  }
  expect(room()).toBe(0.75 * LEAST_COST);
});

it("has no more on its way than was begun and not answered", () => {
  const all = Array.from({ length: 8 }, () => window.begin(LEAST_COST / 8));
  expect(window.fits(1)).toBe(false);
  all[0]?.();
  expect([window.fits(LEAST_COST / 8), window.fits(LEAST_COST / 4)]).toEqual([true, false]);
});
