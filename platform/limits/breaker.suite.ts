/** What every Breakers holds to. `open` answers closed ones each time, on a clock that stands still until it is moved on. */
import { describe, expect, it } from "vitest";
import type { Clock } from "#platform/clock.ts";
import type { Breakers, Probe, Result } from "./breaker.ts";

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
    return { clock, breakers, state, phase, tell, probe, trip };
  }

  describe(`circuit breakers ${name}`, () => {
    it("one that nobody has told anything is closed, and nobody may probe it", async () => {
      const { state, probe } = await opened();
      expect(await state()).toEqual({ phase: "closed", generation: 0, failures: 0, waitMs: 0 });
      expect(await probe()).toMatchObject({ granted: false, phase: "closed" });
    });

    it("five failures in a row open it for a minute, whoever met them, and the one who told the fifth hears of it", async () => {
      const { trip, tell, state, clock } = await opened();
      expect(await trip()).toEqual({ phase: "open", generation: 1, failures: 0, waitMs: 60_000, changed: "opened" });
      expect(await tell("failure", 0)).toEqual({ phase: "open", generation: 1, failures: 0, waitMs: 60_000 });
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
        expect(await tell("success", 2)).toEqual({ phase: "half-open", generation: 2, failures: 0, waitMs: 0 });
      }
      await probe();
      expect(await tell("success", 2)).toEqual({ phase: "closed", generation: 3, failures: 0, waitMs: 0, changed: "closed" });
    });

    it("a probe that fails opens it for another minute, which nobody is told of anew", async () => {
      const { trip, probe, tell, clock } = await opened();
      await trip();
      await clock.advance(60_000);
      await probe();
      await tell("success", 2);
      await probe();
      expect(await tell("failure", 2)).toEqual({ phase: "open", generation: 3, failures: 0, waitMs: 60_000 });
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

    it("integrations have breakers of their own, and several are read at once", async () => {
      const { trip, breakers } = await opened();
      await trip();
      expect((await breakers.read(["b", "a"])).map(({ phase }) => phase)).toEqual(["closed", "open"]);
      expect(await breakers.read([])).toEqual([]);
    });
  });
}
