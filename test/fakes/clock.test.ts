import { describe, expect, it } from "vitest";
import { fakeClock } from "./clock.ts";

describe("the fake clock", () => {
  it("wakes sleepers in the order they are due, each at its own time", async () => {
    const clock = fakeClock(0);
    const woken: string[] = [];
    for (const ms of [30, 10, 20]) void clock.sleep(ms).then(() => woken.push(`${ms} at ${clock.nowMs()}`));
    await clock.advance(25);
    expect(woken).toEqual(["10 at 10", "20 at 20"]);
    expect(clock.nowMs()).toBe(25);
    expect(clock.sleepers()).toBe(1);
  });

  it("also wakes those who go to sleep on the way", async () => {
    const clock = fakeClock(0);
    const ticks: number[] = [];
    void (async () => {
      for (;;) {
        await clock.sleep(10);
        ticks.push(clock.nowMs());
      }
    })();
    await clock.advance(35);
    expect(ticks).toEqual([10, 20, 30]);
  });

  it("lets an aborted sleeper go at once", async () => {
    const clock = fakeClock(0);
    const stop = new AbortController();
    const slept = clock.sleep(1_000, stop.signal);
    stop.abort();
    await slept;
    expect(clock.nowMs()).toBe(0);
    expect(clock.sleepers()).toBe(0);
  });

  it("set forward or back leaves a sleeper as long to sleep as before", async () => {
    const clock = fakeClock(10_000);
    let woke = false;
    const slept = clock.sleep(100).then(() => {
      woke = true;
    });
    clock.set(-5_000);
    expect(clock.nowMs()).toBe(5_000);
    await clock.advance(99);
    expect(woke).toBe(false);
    await clock.advance(1);
    await slept;
    expect(clock.nowMs()).toBe(5_100);
  });
});
