/** What every Breakers holds to. `open` answers closed ones each time, on a clock that stands still until it is moved on. */
import { describe, expect, it } from "vitest";
import type { Clock } from "#platform/clock.ts";
import { type Breakers, type Probe, type Result, type Standing, untold } from "./breaker.ts";

interface Opened {
  readonly breakers: Breakers;
  readonly clock: Clock & { advance(ms: number): Promise<void> };
}

const LEASE_MS = 17_000;

export function breakerSuite(name: string, open: () => Promise<Opened>): void {
  async function opened() {
    const { breakers, clock } = await open();
    const state = async (integration = "a") => (await breakers.read([integration]))[0];
    const phase = async () => (await state())?.phase;
    const tell = (is: Result["is"], generation: number, more: Partial<Result> = {}) =>
      breakers.report({ integration: "a", holder: "w-1", generation, is, ...more });
    const probe = (more: Partial<Probe> = {}) => breakers.probe({ integration: "a", holder: "w-1", leaseMs: LEASE_MS, ...more });
    const trip = async () => {
      const { generation } = (await state()) as { generation: number };
      for (let failure = 1; failure < 5; failure++) expect(await tell("failure", generation)).not.toHaveProperty("changed");
      return tell("failure", generation, { holder: "w-2" });
    };
    let number = 0;
    const order = (is: Standing["is"]) => breakers.order("a", [{ is, number: ++number }]);
    return { clock, breakers, state, phase, tell, probe, trip, order };
  }

  describe(`circuit breakers ${name}`, () => {
    it("one that nobody has told anything is closed, and nobody may probe it", async () => {
      const { state, probe } = await opened();
      expect(await state()).toEqual(untold);
      expect(await probe()).toMatchObject({ granted: false, phase: "closed" });
    });

    it("five failures in a row open it for a minute, whoever met them, and the one who told the fifth hears of it", async () => {
      const { trip, tell, state, clock } = await opened();
      expect(await trip()).toMatchObject({ phase: "open", generation: 1, failures: 0, waitMs: 60_000, forMs: 0, changed: "opened" });
      const late = await tell("failure", 0);
      expect(late).toMatchObject({ phase: "open", generation: 1, failures: 0, waitMs: 60_000 });
      expect(late).not.toHaveProperty("changed");
      await clock.advance(59_999);
      expect(await state()).toMatchObject({ phase: "open", waitMs: 1 });
    });

    it("a success in between begins the count anew", async () => {
      const { tell, state, phase } = await opened();
      for (let failure = 1; failure < 5; failure++) await tell("failure", 0);
      expect((await state())?.failures).toBe(4);
      await tell("success", 0, { holder: "w-2" });
      expect((await state())?.failures).toBe(0);
      for (let failure = 1; failure < 5; failure++) await tell("failure", 0);
      expect(await phase()).toBe("closed");
    });

    it("nobody probes before the minute is over, then one at a time", async () => {
      const { trip, probe, phase, clock } = await opened();
      await trip();
      await clock.advance(59_999);
      expect(await probe()).toMatchObject({ granted: false, phase: "open" });
      await clock.advance(1);
      expect(await phase()).toBe("open");
      expect(await probe()).toMatchObject({ granted: true, phase: "half-open", generation: 2 });
      expect(await probe({ holder: "w-2" })).toMatchObject({ granted: false, phase: "half-open", waitMs: LEASE_MS });
    });

    it("a probe that nothing is heard of is over with its lease", async () => {
      const { trip, probe, clock } = await opened();
      await trip();
      await clock.advance(60_000);
      await probe();
      await clock.advance(LEASE_MS - 1);
      expect((await probe({ holder: "w-2" })).granted).toBe(false);
      await clock.advance(1);
      expect(await probe({ holder: "w-2" })).toMatchObject({ granted: true, generation: 2 });
    });

    it("three successes close it, one probe after the other, and the one who told the third hears of it", async () => {
      const { trip, probe, tell, clock } = await opened();
      await trip();
      await clock.advance(60_000);
      for (let success = 1; success < 3; success++) {
        expect((await probe()).granted).toBe(true);
        const told = await tell("success", 2);
        expect(told).toMatchObject({ phase: "half-open", generation: 2, failures: 0, waitMs: 0 });
        expect(told).not.toHaveProperty("changed");
      }
      await probe();
      expect(await tell("success", 2)).toMatchObject({
        phase: "closed",
        generation: 3,
        failures: 0,
        waitMs: 0,
        forMs: 0,
        changed: "closed",
      });
    });

    it("a probe that fails opens it for another minute, which nobody is told of anew", async () => {
      const { trip, probe, tell, clock } = await opened();
      await trip();
      await clock.advance(60_000);
      await probe();
      await tell("success", 2);
      await probe();
      const again = await tell("failure", 2);
      expect(again).toMatchObject({ phase: "open", generation: 3, failures: 0, waitMs: 60_000 });
      expect(again).not.toHaveProperty("changed");
      await clock.advance(60_000);
      expect(await probe()).toMatchObject({ granted: true, generation: 4 });
    });

    it("results of an earlier generation are ignored", async () => {
      const { trip, probe, tell, state, clock } = await opened();
      await trip();
      await clock.advance(60_000);
      await probe();
      for (let late = 0; late < 5; late++) await tell("success", 0);
      await tell("failure", 0);
      await tell("failure", 1);
      expect(await state()).toMatchObject({ phase: "half-open", generation: 2 });
      for (let success = 0; success < 3; success++) await tell("success", 2);
      for (let late = 0; late < 5; late++) await tell("failure", 2);
      expect(await state()).toMatchObject({ phase: "closed", generation: 3, failures: 0 });
    });

    it("a late answer of one whose probe is over does not end the probe of the next", async () => {
      const { trip, probe, tell, clock } = await opened();
      await trip();
      await clock.advance(60_000);
      await probe();
      await clock.advance(LEASE_MS);
      await probe({ holder: "w-2" });
      expect(await tell("success", 2)).toMatchObject({ phase: "half-open", waitMs: LEASE_MS });
      expect((await probe({ holder: "w-3" })).granted).toBe(false);
    });

    it("held open it is not probed and hears nothing, however long; let go it may be probed at once", async () => {
      const { order, probe, tell, state, clock } = await opened();
      expect(await order("open")).toMatchObject({ phase: "open", held: true, generation: 1, forMs: 0 });
      await clock.advance(8 * 24 * 3_600_000);
      expect(await probe()).toMatchObject({ granted: false, phase: "open" });
      expect(await tell("success", 1)).toMatchObject({ phase: "open" });
      expect(await state()).toMatchObject({ held: true, forMs: 8 * 24 * 3_600_000 });
      expect(await order("auto")).toMatchObject({ phase: "open", held: false, waitMs: 0 });
      expect(await probe()).toMatchObject({ granted: true, phase: "half-open", generation: 2 });
    });

    it("held closed it stays so, whatever fails; let go it counts from the beginning", async () => {
      const { order, trip, tell, phase } = await opened();
      await trip();
      expect(await order("closed")).toMatchObject({ phase: "closed", held: true, generation: 2, failures: 0 });
      for (let failure = 0; failure < 9; failure++) expect(await tell("failure", 2)).not.toHaveProperty("changed");
      expect(await order("auto")).toMatchObject({ phase: "closed", held: false, failures: 0 });
      for (let failure = 1; failure < 5; failure++) await tell("failure", 2);
      expect(await phase()).toBe("closed");
      expect(await tell("failure", 2)).toMatchObject({ phase: "open", changed: "opened" });
    });

    it("a pause leaves it as it is, keeps probes away, and lasts until it is ended", async () => {
      const { order, trip, probe, state, clock } = await opened();
      await trip();
      expect(await order("pause")).toMatchObject({ phase: "open", paused: true, held: false, generation: 1 });
      await clock.advance(8 * 24 * 3_600_000);
      expect((await probe()).granted).toBe(false);
      expect(await state()).toMatchObject({ phase: "open", paused: true });
      expect(await order("resume")).toMatchObject({ phase: "open", paused: false });
      expect((await probe()).granted).toBe(true);
    });

    it("is told what holds as often as it may be: only what is later than what it knows of that kind changes it", async () => {
      const { breakers, order, trip, state } = await opened();
      await order("pause");
      await order("closed");
      const later = { is: "auto", number: 9 } as const;
      await breakers.order("a", [{ is: "resume", number: 1 }, later]);
      expect(await state()).toMatchObject({ paused: true, held: false, generation: 1 });
      await trip();
      await breakers.order("a", [{ is: "pause", number: 1 }, { is: "closed", number: 8 }, later]);
      expect(await state()).toMatchObject({ paused: true, held: false, phase: "open", waitMs: 60_000 });
      await breakers.order("a", [{ is: "resume", number: 10 }]);
      expect(await state()).toMatchObject({ paused: false, phase: "open", waitMs: 60_000 });
    });

    it("integrations have breakers of their own, and several are read at once", async () => {
      const { trip, breakers } = await opened();
      await trip();
      expect((await breakers.read(["b", "a"])).map(({ phase }) => phase)).toEqual(["closed", "open"]);
      expect(await breakers.read([])).toEqual([]);
    });
  });
}
