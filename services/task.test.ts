import pino from "pino";
import { expect, it } from "vitest";
import { fakeClock } from "../test/fakes/clock.ts";
import { runTask } from "./task.ts";

const logger = pino({ level: "silent" });

it("starts again after a pause that doubles, as long as it fails", async () => {
  const clock = fakeClock();
  const startMs = clock.nowMs();
  const runs: number[] = [];
  const ending = new AbortController();
  const task = {
    name: "failing",
    run() {
      runs.push(clock.nowMs() - startMs);
      return Promise.reject(new Error("no"));
    },
  };
  const running = runTask(task, { clock, logger }, ending.signal);
  await clock.advance(1_500);
  expect(runs).toEqual([0, 100, 300, 700, 1_500]);
  ending.abort();
  await running;
});

it("begins with a short pause again once it has run for a minute", async () => {
  const clock = fakeClock();
  const runs: number[] = [];
  const ending = new AbortController();
  const task = {
    name: "long",
    async run() {
      runs.push(clock.nowMs());
      if (runs.length === 5) await clock.sleep(61_000);
      throw new Error("no");
    },
  };
  const running = runTask(task, { clock, logger }, ending.signal);
  await clock.advance(70_000);
  expect((runs[5] as number) - (runs[4] as number)).toBe(61_100);
  ending.abort();
  await running;
});

it("ends with its signal, and with its own end", async () => {
  const clock = fakeClock();
  const ending = new AbortController();
  const waiting = runTask({ name: "waiting", run: (signal) => clock.sleep(3_600_000, signal) }, { clock, logger }, ending.signal);
  ending.abort();
  await waiting;
  await runTask({ name: "done", run: () => Promise.resolve() }, { clock, logger }, new AbortController().signal);
});
