import { expect, it } from "vitest";
import type { Clock } from "#platform/clock.ts";
import { sweeping } from "./sweep.ts";

it("forgets what has been kept long enough, bite by bite, and rests when nothing is left", async () => {
  let left = 1_250;
  const asked: number[] = [];
  const store = {
    async sweep(beforeMs: number, limit: number) {
      asked.push(beforeMs);
      const gone = Math.min(left, limit);
      left -= gone;
      return gone;
    },
  };
  const stop = new AbortController();
  const rests: number[] = [];
  const clock: Clock = {
    nowMs: () => 1_000,
    async sleep(ms) {
      rests.push(ms);
      if (ms > 1_000) stop.abort();
    },
  };
  await sweeping({ name: "forget", store, clock, keptMs: 900 }).run(stop.signal);
  expect(left).toBe(0);
  expect(new Set(asked)).toEqual(new Set([100]));
  expect(rests.filter((ms) => ms > 1_000)).toHaveLength(1);
  expect(rests).toHaveLength(3);
});
