import { beforeEach, expect, it } from "vitest";
import { type FakeClock, fakeClock } from "../../../test/fakes/clock.ts";
import { Pace } from "./pace.ts";

const MOST = 1_000;
const COST = 4_096;
/** What the router works off a second, and what comes in. */
const WORKED_OFF = 300;
const ASKED = 1_000;

let clock: FakeClock;
let lag: number;
let isAway: boolean;
let pace: Pace;
beforeEach(() => {
  clock = fakeClock();
  lag = 0;
  isAway = false;
  const look = async () => {
    if (isAway) throw new Error("the brokers do not answer");
    return lag;
  };
  pace = new Pace({ clock, lag: look, mostLag: MOST, onRoom: () => {} });
});

/** So many seconds of somebody who sends as much as they may, in pieces; answers how many records went in. */
async function flood(seconds: number, asked = ASKED, workedOff = WORKED_OFF): Promise<number> {
  let went = 0;
  for (let piece = 0; piece < seconds * 20; piece++) {
    for (let one = 0; one < asked / 20 && pace.hasRoom; one++) {
      pace.spend(COST);
      lag++;
      went++;
    }
    lag = Math.max(0, lag - workedOff / 20);
    await clock.advance(50);
  }
  return went;
}

it("lets all in while few wait", async () => {
  expect(await flood(10, ASKED, ASKED)).toBe(10 * ASKED);
});

it("lets no more in than is worked off once too many wait, so that the lag stays bounded", async () => {
  await flood(30);
  const worst: number[] = [];
  for (let minute = 0; minute < 5; minute++) {
    await flood(20);
    worst.push(lag);
  }
  for (const each of worst) expect(each).toBeLessThan(4 * MOST);
  expect(Math.max(...worst.slice(2))).toBeLessThanOrEqual(Math.max(...worst.slice(0, 2)) + MOST);
});

it("never stops altogether, also when nothing is worked off", async () => {
  await flood(60, ASKED, 0);
  expect(await flood(10, ASKED, 0)).toBeGreaterThan(0);
});

it("lets all in again when they have been worked off", async () => {
  await flood(30);
  await flood(60, 10);
  expect(await flood(2, 400)).toBe(800);
});

it("stays as it was while the lag cannot be had", async () => {
  isAway = true;
  expect(await flood(10)).toBe(10 * ASKED);
});

it("asks nobody while nothing is sent, nor where there is no bound", async () => {
  expect(clock.sleepers()).toBe(0);
  pace.spend(COST);
  await clock.advance(10_000);
  expect(clock.sleepers()).toBe(0);
  const unbounded = new Pace({ clock, lag: async () => 10 * MOST, mostLag: 0, onRoom: () => {} });
  unbounded.spend(COST);
  expect(clock.sleepers()).toBe(0);
});
