/** What every Intents holds to. `open` answers one that is empty, on a clock that stands still until it is moved on. */
import { describe, expect, it } from "vitest";
import { attemptOf, ENDED_MS, type Opened, settledAs } from "./ledger.fixture.ts";
import type { Try } from "./ledger.ts";
import type { Intents } from "./once.ts";

type Open = () => Promise<{ readonly intents: Intents } & Pick<Opened, "clock">>;

export function intentsSuite(name: string, open: Open): void {
  const opened = async () => {
    const { intents, clock } = await open();
    const begin = async (worker: string, more: Partial<Try> = {}) => (await intents.begin([attemptOf({ worker, ...more })]))[0];
    const giveUp = async (worker: string, more: Partial<Try> = {}) => (await intents.giveUp([attemptOf({ worker, ...more })]))[0];
    const settle = async (worker: string, state: Parameters<typeof settledAs>[0]) =>
      (await intents.settle([settledAs(state, { worker })]))[0];
    return { intents, clock, begin, giveUp, settle };
  };

  describe(`${name} as intents`, () => {
    it("lets one of several begin, and tells it so again; the others that it is leased, then that nobody knows", async () => {
      const { clock, begin } = await opened();
      const untilMs = clock.nowMs() + 17_000;
      expect(await begin("w-1")).toEqual({ is: "send" });
      expect(await begin("w-1")).toEqual({ is: "send" });
      expect(await begin("w-2")).toEqual({ is: "leased", untilMs });
      await clock.advance(17_000);
      expect(await begin("w-2")).toEqual({ is: "unknown" });
    });

    it("knows a delivery's cycle by no address: one that is decided anew may have another", async () => {
      const { clock, begin, settle } = await opened();
      await begin("w-1");
      await settle("w-1", "sent");
      const ended = { is: "settled", state: "sent", by: { attempt: 0, wait: 0 }, atMs: ENDED_MS };
      expect(await begin("w-2", { target: "other@example.test" })).toEqual(ended);
      expect(await begin("w-3", { cycle: 2 })).toEqual({ is: "send" });
      expect(await begin("w-4", { cycle: 2, target: "other@example.test" })).toEqual({ is: "leased", untilMs: clock.nowMs() + 17_000 });
      expect(await begin("w-5", { environment: "production" })).toEqual({ is: "send" });
    });

    it("forgets what its worker withdraws or releases, and nobody else", async () => {
      const { intents, begin, settle } = await opened();
      await begin("w-1");
      await intents.withdraw([attemptOf({ worker: "w-2" })]);
      expect((await begin("w-2"))?.is).toBe("leased");
      await intents.withdraw([attemptOf({ worker: "w-1" })]);
      expect(await begin("w-2")).toEqual({ is: "send" });
      expect(await settle("w-2", { released: { attempt: 1, wait: 0 } })).toBe(true);
      expect(await settle("w-2", { released: { attempt: 1, wait: 0 } })).toBe(true);
      expect(await begin("w-3", { attempt: 1 })).toEqual({ is: "send" });
    });

    it("takes an outcome from who began, once or again, and keeps it", async () => {
      const { begin, settle, giveUp } = await opened();
      await begin("w-1");
      expect(await settle("w-2", "failed")).toBe(false);
      expect(await settle("w-1", "sent")).toBe(true);
      expect(await settle("w-1", "sent")).toBe(true);
      expect(await settle("w-1", "failed")).toBe(false);
      expect(await giveUp("w-3")).toMatchObject({ is: "settled", state: "sent" });
    });

    it("gives up what is open, as of the try that finds it so; of what is not there any more the next one begins anew", async () => {
      const { clock, begin, giveUp, settle } = await opened();
      await begin("w-1");
      const ended = { is: "settled", state: "unresolved", by: { attempt: 0, wait: 2 }, atMs: clock.nowMs() };
      expect(await giveUp("w-2", { wait: 2 })).toEqual(ended);
      await clock.advance(5);
      expect(await giveUp("w-3", { wait: 3 })).toEqual(ended);
      expect(await settle("w-1", "sent")).toBe(false);
      expect(await giveUp("w-4", { cycle: 2 })).toEqual({ is: "leased", untilMs: clock.nowMs() + 17_000 });
      expect(await begin("w-5", { cycle: 2 })).toEqual({ is: "send" });
    });

    it("answers in order, also of one send twice", async () => {
      const { intents } = await opened();
      const tries = [attemptOf({ deliveryId: "b" }), attemptOf({ deliveryId: "a" }), attemptOf({ deliveryId: "b", worker: "w-2" })];
      expect((await intents.begin(tries)).map(({ is }) => is)).toEqual(["send", "send", "leased"]);
    });

    it("forgets what is old, so many at a time", async () => {
      const { intents, clock } = await opened();
      await intents.begin(["a", "b", "c"].map((deliveryId) => attemptOf({ deliveryId })));
      await clock.advance(20_000);
      expect(await intents.sweep(clock.nowMs() - 10_000, 10)).toBe(0);
      expect(await intents.sweep(clock.nowMs(), 2)).toBe(2);
      expect(await intents.sweep(clock.nowMs(), 2)).toBe(1);
    });
  });
}
