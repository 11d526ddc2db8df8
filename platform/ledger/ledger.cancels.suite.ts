/** Cancels, and what they race with: part of ledger.suite.ts. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attemptOf, bytes, draft, ENDED_MS, HOUR, type Open, opening } from "./ledger.fixture.ts";
import type { Cancel, Ledger } from "./ledger.ts";

export function cancelsSuite(name: string, open: Open): void {
  const opened = opening(open);

  describe(`${name}: cancels`, () => {
    const cancelOf = (more: Partial<Cancel> = {}): Cancel => ({
      ...{ environment: "development", notificationId: "n-1", untilMs: Number.MAX_SAFE_INTEGER },
      ...more,
    });
    const statesOf = async (ledger: Ledger, ...ids: string[]) =>
      ledger.statesOf({ environment: "development", notificationId: "n-1", deliveryIds: ids });

    it("from then on no try is given a lease, and what is asked again has ended as canceled", async () => {
      const { clock, ledger, intend } = await opened();
      await ledger.cancel(cancelOf());
      const atMs = clock.nowMs();
      expect(await intend({ attempt: 1, wait: 2 })).toEqual({ is: "canceled", atMs });
      await clock.advance(1_000);
      expect(await intend({ worker: "w-2" })).toEqual({ is: "settled", state: "canceled", by: { attempt: 1, wait: 2 }, atMs });
      expect(await intend({ deliveryId: "d-2", cycle: 2, target: "" })).toEqual({ is: "canceled", atMs: clock.nowMs() });
    });

    it("refuses a send that was released, and one whose lease ran out unsettled", async () => {
      const { clock, ledger, intend, settle } = await opened();
      await intend();
      await settle({ released: { attempt: 1, wait: 0 } });
      await intend({ deliveryId: "d-2" });
      await ledger.cancel(cancelOf());
      await clock.advance(17_000);
      expect(await intend({ attempt: 1 })).toMatchObject({ is: "canceled" });
      expect(await intend({ deliveryId: "d-2" })).toMatchObject({ is: "canceled" });
    });

    it("leaves alone what has ended, and a lease that lives: its outcome counts", async () => {
      const { clock, ledger, intend, settle } = await opened();
      await intend();
      await settle("sent");
      await intend({ deliveryId: "d-2" });
      await ledger.cancel(cancelOf());
      expect(await intend()).toMatchObject({ is: "settled", state: "sent" });
      expect(await intend({ deliveryId: "d-2" })).toEqual({ is: "leased", untilMs: clock.nowMs() + 17_000 });
      await settle("failed", { deliveryId: "d-2" });
      expect(await intend({ deliveryId: "d-2" })).toMatchObject({ is: "settled", state: "failed" });
    });

    it("leaves a lease that lives to its holder, who may make it live on", async () => {
      const { clock, ledger, intend, extend, settle } = await opened();
      await intend();
      await ledger.cancel(cancelOf());
      await clock.advance(12_000);
      expect(await extend()).toBe("canceled");
      await clock.advance(12_000);
      expect((await intend({ worker: "w-2" }))?.is).toBe("leased");
      await settle("sent");
      expect(await intend()).toMatchObject({ is: "settled", state: "sent" });
    });

    it("still drops a record older than what is known", async () => {
      const { ledger, intend, settle } = await opened();
      await intend();
      await settle({ released: { attempt: 1, wait: 0 } });
      await ledger.cancel(cancelOf());
      expect(await intend()).toEqual({ is: "repeat", expected: { attempt: 1, wait: 0, atMs: ENDED_MS } });
    });

    it("answers what had been decided, and tells whoever decides later; as often as it is said", async () => {
      const { ledger } = await opened();
      expect((await ledger.decideOnce([draft("early")]))[0]?.canceled).toBe(false);
      const before = [{ recipient: "ann", decision: bytes("early") }];
      expect(await ledger.cancel(cancelOf())).toEqual(before);
      const [again, bo] = await ledger.decideOnce([draft("other"), draft("late", { recipient: "bo" })]);
      expect(again).toEqual({ decision: bytes("early"), first: false, canceled: true });
      expect(bo).toMatchObject({ first: true, canceled: true });
      expect(await ledger.cancel(cancelOf())).toEqual([...before, { recipient: "bo", decision: bytes("late") }]);
    });

    it("keeps notifications and environments apart", async () => {
      const { ledger, intend } = await opened();
      await ledger.decideOnce([draft("elsewhere", { environment: "staging" })]);
      expect(await ledger.cancel(cancelOf())).toEqual([]);
      expect(await intend({ environment: "staging" })).toEqual({ is: "send" });
      expect(await intend({ notificationId: "n-2", deliveryId: "d-2" })).toEqual({ is: "send" });
      expect((await ledger.decideOnce([draft("x", { environment: "staging", recipient: "bo" })]))[0]?.canceled).toBe(false);
      expect(await ledger.statesOf({ environment: "staging", notificationId: "n-1", deliveryIds: ["d-1"] })).toEqual([["leased"]]);
    });

    it("tells where each delivery's sends stand, whatever their cycle and target", async () => {
      const { ledger, intend, settle } = await opened();
      await intend();
      await settle("dead");
      await intend({ cycle: 2 });
      await settle({ released: { attempt: 0, wait: 1 } }, { cycle: 2 });
      await intend({ deliveryId: "d-2" });
      const states = await statesOf(ledger, "d-1", "unknown", "d-2");
      expect(states.map((each) => [...each].sort())).toEqual([["dead", "released"], [], ["leased"]]);
    });

    it("is forgotten when it says so, and not before; said again it is kept for the longer of both", async () => {
      const { clock, ledger, intend } = await opened();
      const untilMs = clock.nowMs() + 10 * HOUR;
      await ledger.cancel(cancelOf({ untilMs }));
      await ledger.cancel(cancelOf({ untilMs: untilMs - 5 * HOUR }));
      await ledger.cancel(cancelOf({ notificationId: "n-2", untilMs: clock.nowMs() }));
      await clock.advance(8 * HOUR);
      let round = 0;
      const fresh = async (notificationId: string) => (await intend({ notificationId, deliveryId: `d-${notificationId}-${round++}` }))?.is;
      await expect.poll(() => fresh("n-2")).toBe("send");
      expect(await fresh("n-1")).toBe("canceled");
      await clock.advance(4 * HOUR);
      await expect.poll(() => fresh("n-1")).toBe("send");
    });

    it("however it races with tries, each was told to send or is refused, and what was told is among what is reported", async () => {
      const plan = fc.record({ places: fc.array(fc.nat(3), { minLength: 1, maxLength: 12 }), at: fc.nat(12), batched: fc.boolean() });
      await fc.assert(
        fc.asyncProperty(plan, async ({ places, at, batched }) => {
          const { ledger } = await opened();
          const ids = places.map((place) => `d-${place}`);
          const tries = ids.map((deliveryId, index) => attemptOf({ deliveryId, worker: `w-${index}` }));
          const groups = batched ? [tries.slice(0, at), tries.slice(at)] : tries.map((each) => [each]);
          const asked = groups.filter((group) => group.length > 0).map((group) => () => ledger.intend(group));
          const cut = Math.min(at, asked.length);
          const early = asked.slice(0, cut).map((ask) => ask());
          const canceled = ledger
            .cancel(cancelOf())
            .then(() => ledger.statesOf({ environment: "development", notificationId: "n-1", deliveryIds: ids }));
          const late = asked.slice(cut).map((ask) => ask());
          const reported = await canceled;
          const answers = (await Promise.all([...early, ...late])).flat();
          for (const [index, { is }] of answers.entries()) {
            if (is === "send") expect(reported[index]).toContain("leased");
            else if (is === "canceled") expect(reported[index]).not.toContain("leased");
          }
          const after = await ledger.intend(ids.map((deliveryId) => attemptOf({ deliveryId, worker: "after", cycle: 2 })));
          expect(after.some(({ is }) => is === "send" || is === "unknown")).toBe(false);
        }),
        { numRuns: 60 },
      );
    });
  });
}
