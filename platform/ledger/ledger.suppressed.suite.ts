/** Suppressions, and what they race with: part of ledger.suite.ts. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attemptOf, HOUR, type Open, opening } from "./ledger.fixture.ts";
import type { Suppressed } from "./ledger.ts";

export function suppressedSuite(name: string, open: Open): void {
  const opened = opening(open);

  describe(`${name}: suppressions`, () => {
    let lastMs = 1_000;
    const said = (more: Partial<Suppressed> = {}): Suppressed => ({
      ...{ environment: "development", whom: "ann@", suppressed: true, atMs: ++lastMs },
      ...more,
    });

    it.each(["ann", "ann@"])("from then on no try that reaches %s is given a lease, whatever notification it is of", async (whom) => {
      const { clock, ledger, intend } = await opened();
      await ledger.suppress(said({ whom }));
      const atMs = clock.nowMs();
      expect(await intend({ attempt: 1, wait: 2 })).toEqual({ is: "suppressed", atMs });
      await clock.advance(1_000);
      expect(await intend({ worker: "w-2" })).toEqual({ is: "settled", state: "suppressed", by: { attempt: 1, wait: 2 }, atMs });
      expect(await intend({ notificationId: "n-2", deliveryId: "d-2", cycle: 2 })).toEqual({ is: "suppressed", atMs: clock.nowMs() });
    });

    it("leaves alone whom it does not name, and other environments", async () => {
      const { ledger, intend } = await opened();
      await ledger.suppress(said({ whom: "bo" }));
      await ledger.suppress(said({ environment: "staging" }));
      expect(await intend()).toEqual({ is: "send" });
      expect(await intend({ environment: "staging" })).toMatchObject({ is: "suppressed" });
      expect(await intend({ environment: "staging", reaches: [], deliveryId: "d-2" })).toEqual({ is: "send" });
    });

    it("answers each try of a batch by itself", async () => {
      const { ledger } = await opened();
      await ledger.suppress(said());
      const tries = ["ann@", "bo@", "ann@", "cy@"].map((whom, place) => attemptOf({ reaches: [whom], deliveryId: `d-${place}` }));
      expect((await ledger.intend(tries)).map(({ is }) => is)).toEqual(["suppressed", "send", "suppressed", "send"]);
    });

    it("refuses a send that was released, and one whose lease ran out unsettled; the longer canceled stays canceled", async () => {
      const { clock, ledger, intend, settle } = await opened();
      await intend();
      await settle({ released: { attempt: 1, wait: 0 } });
      await intend({ deliveryId: "d-2" });
      await ledger.cancel({ environment: "development", notificationId: "n-3", untilMs: Number.MAX_SAFE_INTEGER });
      await ledger.suppress(said());
      await clock.advance(17_000);
      expect(await intend({ attempt: 1 })).toMatchObject({ is: "suppressed" });
      expect(await intend({ deliveryId: "d-2" })).toMatchObject({ is: "suppressed" });
      expect(await intend({ notificationId: "n-3", deliveryId: "d-3" })).toMatchObject({ is: "canceled" });
    });

    it("leaves alone what has ended, and a lease that lives: its outcome counts", async () => {
      const { clock, ledger, intend, extend, settle } = await opened();
      await intend();
      await settle("sent");
      await intend({ deliveryId: "d-2" });
      await ledger.suppress(said());
      expect(await intend()).toMatchObject({ is: "settled", state: "sent" });
      expect(await intend({ deliveryId: "d-2" })).toEqual({ is: "leased", untilMs: clock.nowMs() + 17_000 });
      expect(await extend({ deliveryId: "d-2" })).toBe("suppressed");
      await settle("failed", { deliveryId: "d-2" });
      expect(await intend({ deliveryId: "d-2" })).toMatchObject({ is: "settled", state: "failed" });
    });

    it("is kept until it is lifted, and what was refused stays refused then", async () => {
      const { clock, ledger, intend } = await opened();
      await ledger.suppress(said());
      await clock.advance(400 * 24 * HOUR);
      expect(await intend()).toMatchObject({ is: "suppressed" });
      await ledger.suppress(said({ suppressed: false }));
      expect(await intend()).toMatchObject({ is: "settled", state: "suppressed" });
      expect(await intend({ cycle: 2 })).toEqual({ is: "send" });
    });

    it("of what is said of one the latest holds, in whatever order and however often it is told", async () => {
      const { ledger, intend } = await opened();
      const [first, lifted, again] = [said(), said({ suppressed: false }), said()];
      let round = 0;
      const fresh = async () => (await intend({ deliveryId: `d-${round++}` }))?.is;
      await ledger.suppress(lifted);
      await ledger.suppress(first);
      expect(await fresh()).toBe("send");
      await ledger.suppress(again);
      await ledger.suppress(lifted);
      expect(await fresh()).toBe("suppressed");
      await ledger.suppress(again);
      expect(await fresh()).toBe("suppressed");
    });

    it("however it races with tries, whoever asks once it is answered is refused, and nobody else is", async () => {
      const plan = fc.record({ before: fc.nat(6), along: fc.nat(6), batched: fc.boolean() });
      await fc.assert(
        fc.asyncProperty(plan, async ({ before, along, batched }) => {
          const { ledger } = await opened();
          let round = 0;
          const ask = (count: number) => {
            const tries = Array.from({ length: count }, () => attemptOf({ deliveryId: `d-${round}`, worker: `w-${round++}` }));
            const groups = batched ? [tries] : tries.map((each) => [each]);
            return Promise.all(groups.filter(({ length }) => length > 0).map((group) => ledger.intend(group))).then((all) => all.flat());
          };
          const early = await ask(before);
          const racing = [ask(along)];
          await ledger.suppress(said());
          const late = await ask(3);
          expect(early.every(({ is }) => is === "send")).toBe(true);
          for (const { is } of (await Promise.all(racing)).flat()) expect(["send", "suppressed"]).toContain(is);
          expect(late.map(({ is }) => is)).toEqual(["suppressed", "suppressed", "suppressed"]);
        }),
        { numRuns: 40 },
      );
    });
  });
}
