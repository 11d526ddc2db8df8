/** What every Ledger holds to. `open` answers an empty ledger each time, on a clock that stands still until it is moved on. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cancelsSuite } from "./ledger.cancels.suite.ts";
import { erasedSuite } from "./ledger.erased.suite.ts";
import { extendSuite } from "./ledger.extend.suite.ts";
import { about, attemptOf, bytes, draft, ENDED_MS, extensionOf, HOUR, type Open, opening, settledAs, text } from "./ledger.fixture.ts";
import { suppressedSuite } from "./ledger.suppressed.suite.ts";
import type { Settled } from "./ledger.ts";

export function ledgerSuite(name: string, open: Open): void {
  const opened = opening(open);
  extendSuite(name, open);
  cancelsSuite(name, open);
  suppressedSuite(name, open);
  erasedSuite(name, open);

  describe(`${name}: decisions`, () => {
    it("the first decision wins, for ever after", async () => {
      const { ledger } = await opened();
      const answers = [];
      for (const word of ["first", "second", "third"]) answers.push(...(await ledger.decideOnce([draft(word)])));
      expect(answers.map(({ decision, first }) => [text(decision), first])).toEqual([
        ["first", true],
        ["first", false],
        ["first", false],
      ]);
    });

    it("answers each draft in order, the first of a batch winning too", async () => {
      const { ledger } = await opened();
      const answers = await ledger.decideOnce([draft("a"), draft("b", { recipient: "bo" }), draft("c")]);
      expect(answers.map(({ decision, first }) => [text(decision), first])).toEqual([
        ["a", true],
        ["b", true],
        ["a", false],
      ]);
    });

    it("keeps recipients, notifications and environments apart", async () => {
      const { ledger } = await opened();
      await ledger.decideOnce([draft("a")]);
      const others = [draft("b", { recipient: "bo" }), draft("c", { notificationId: "n-2" }), draft("d", { environment: "staging" })];
      expect((await ledger.decideOnce(others)).map(({ first }) => first)).toEqual([true, true, true]);
    });

    it("forgets a decision that is as it was found, which is then decided anew", async () => {
      const { ledger } = await opened();
      await ledger.decideOnce([draft("cut"), draft("other", { recipient: "bo" })]);
      const unread = { ...draft("cut"), deliveryIds: ["d-1", "d-2"] };
      expect(text(await ledger.undecide({ ...unread, decision: bytes("cu") }))).toBe("cut");
      expect(text(await ledger.undecide({ ...unread, decision: bytes("cut off") }))).toBe("cut");
      expect(await ledger.undecide(unread)).toBeUndefined();
      expect(await ledger.undecide(unread)).toBeUndefined();
      const again = await ledger.decideOnce([draft("anew"), draft("anew", { recipient: "bo" })]);
      expect(again.map(({ decision, first }) => [text(decision), first])).toEqual([
        ["anew", true],
        ["other", false],
      ]);
      expect(text(await ledger.undecide(unread))).toBe("anew");
    });

    it.each(["sent", "failed", { released: { attempt: 1, wait: 0 } }, undefined] as const)(
      "does not forget a decision of which a try was made, whatever came of it (%j)",
      async (state) => {
        const { ledger, intend, settle } = await opened();
        await ledger.decideOnce([draft("cut"), draft("cut", { recipient: "bo" })]);
        await intend({ deliveryId: "d-2" });
        if (state) await settle(state, { deliveryId: "d-2" });
        const unread = { ...draft("cut"), deliveryIds: ["d-1", "d-2"] };
        expect(text(await ledger.undecide(unread))).toBe("cut");
        expect(await ledger.undecide({ ...unread, recipient: "bo", deliveryIds: ["d-3"] })).toBeUndefined();
      },
    );

    it("keeps a decision longer than the log keeps the record, and forgets it then", async () => {
      const { clock, ledger } = await opened();
      await ledger.decideOnce([draft("first")]);
      await clock.advance(7 * 24 * HOUR + 23 * HOUR);
      await ledger.decideOnce([draft("x", { notificationId: "n-2" })]);
      expect((await ledger.decideOnce([draft("second")]))[0]?.first).toBe(false);
      await clock.advance(3 * HOUR);
      await expect
        .poll(async () => {
          await ledger.decideOnce([draft("x", { notificationId: "n-3" })]);
          return (await ledger.decideOnce([draft("second")]))[0]?.first;
        })
        .toBe(true);
    });
  });

  describe(`${name}: sends`, () => {
    it("gives the first who asks the lease, and tells everybody else until when it lives", async () => {
      const { clock, intend } = await opened();
      expect(await intend()).toEqual({ is: "send" });
      const untilMs = clock.nowMs() + 17_000;
      await clock.advance(10_000);
      expect(await intend({ worker: "w-2" })).toEqual({ is: "leased", untilMs });
    });

    it("tells the holder of a lease the same as others, so that nobody waits for longer than the lease", async () => {
      const { clock, intend } = await opened();
      await intend();
      const untilMs = clock.nowMs() + 17_000;
      await clock.advance(16_999);
      expect(await intend()).toEqual({ is: "leased", untilMs });
      await clock.advance(1);
      expect(await intend()).toEqual({ is: "unknown" });
    });

    it("hands an expired lease to one of those who ask, as unknown", async () => {
      const { clock, intend } = await opened();
      await intend();
      await clock.advance(17_000);
      expect(await intend({ worker: "w-2", wait: 1 })).toEqual({ is: "unknown" });
      expect(await intend({ worker: "w-3", wait: 1 })).toEqual({ is: "leased", untilMs: clock.nowMs() + 17_000 });
    });

    it("two tries of one send in a batch get one lease", async () => {
      const { clock, ledger } = await opened();
      const answers = await ledger.intend([attemptOf(), attemptOf({ worker: "w-2" }), attemptOf({ deliveryId: "d-2" })]);
      expect(answers).toEqual([{ is: "send" }, { is: "leased", untilMs: clock.nowMs() + 17_000 }, { is: "send" }]);
    });

    it.each(["sent", "failed", "dead", "expired"] as const)("%s is for ever, and says which try it was and when", async (state) => {
      const { clock, intend, settle } = await opened();
      await intend({ attempt: 1, wait: 2 });
      await settle(state);
      for (const other of ["sent", "failed", "dead", "expired", { released: { attempt: 9, wait: 0 } }] as const)
        await settle(other, { atMs: 1 });
      await clock.advance(20_000);
      for (const more of [{}, { attempt: 1, wait: 2 }, { attempt: 8 }, { worker: "w-2" }])
        expect(await intend(more)).toEqual({ is: "settled", state, by: { attempt: 1, wait: 2 }, atMs: ENDED_MS });
    });

    it("after a release the expected record sends, and an older one is a repeat that hears what is expected, and since when", async () => {
      const { intend, settle } = await opened();
      await intend();
      await settle({ released: { attempt: 1, wait: 0 } });
      expect(await intend()).toEqual({ is: "repeat", expected: { attempt: 1, wait: 0, atMs: ENDED_MS } });
      expect(await intend({ wait: 7 })).toEqual({ is: "repeat", expected: { attempt: 1, wait: 0, atMs: ENDED_MS } });
      expect(await intend({ attempt: 1, worker: "w-2" })).toEqual({ is: "send" });
    });

    it("after a release a record that has come further than expected sends as well", async () => {
      const { intend, settle } = await opened();
      await intend();
      await settle({ released: { attempt: 0, wait: 1 } });
      expect(await intend({ wait: 2 })).toEqual({ is: "send" });
    });

    it("a release that is told again, late, does not end the lease that came after it", async () => {
      const { intend, settle } = await opened();
      await intend();
      await settle({ released: { attempt: 0, wait: 1 } });
      expect(await intend({ wait: 1 })).toEqual({ is: "send" });
      await settle({ released: { attempt: 0, wait: 1 } });
      expect(await intend({ wait: 1, worker: "w-2" })).toMatchObject({ is: "leased" });
      await settle({ released: { attempt: 1, wait: 0 } });
      expect(await intend({ attempt: 1, worker: "w-2" })).toEqual({ is: "send" });
    });

    it("a record older than the one under way is a repeat, also when the lease has expired", async () => {
      const { clock, intend } = await opened();
      await intend({ attempt: 1 });
      expect(await intend({ wait: 5 })).toEqual({ is: "repeat" });
      await clock.advance(17_000);
      expect(await intend({ wait: 5 })).toEqual({ is: "repeat" });
    });

    it("drops what anybody but the holder says", async () => {
      const { intend, settle } = await opened();
      await settle("sent");
      expect(await intend()).toEqual({ is: "send" });
      await settle("failed", { worker: "w-2" });
      expect((await intend({ worker: "w-3" }))?.is).toBe("leased");
    });

    it("takes a late outcome while nobody has taken the lease over, and drops it afterwards", async () => {
      const { clock, intend, settle } = await opened();
      await intend();
      await intend({ deliveryId: "d-2" });
      await clock.advance(17_000);
      await settle("sent");
      expect((await intend({ worker: "w-2" }))?.is).toBe("settled");
      expect((await intend({ worker: "w-2", deliveryId: "d-2" }))?.is).toBe("unknown");
      await settle("sent", { deliveryId: "d-2" });
      expect((await intend({ worker: "w-3", deliveryId: "d-2" }))?.is).toBe("leased");
    });

    it("says of each outcome whether it is what is known: also of one that is told again, and not of one that came too late", async () => {
      const { clock, ledger, intend, settle } = await opened();
      expect(await settle("sent")).toEqual([false]);
      await intend();
      await intend({ deliveryId: "d-2" });
      expect(await settle("failed", { worker: "w-2" })).toEqual([false]);
      expect(await settle("sent")).toEqual([true]);
      expect(await settle("sent")).toEqual([true]);
      expect(await settle("failed")).toEqual([false]);
      expect(await settle("sent", { atMs: 1 })).toEqual([false]);
      const released = { released: { attempt: 1, wait: 0 } };
      expect(await ledger.settle([settledAs("sent"), settledAs(released, { deliveryId: "d-2" })])).toEqual([true, true]);
      expect(await settle(released, { deliveryId: "d-2" })).toEqual([true]);
      await intend({ deliveryId: "d-2", attempt: 1, worker: "w-2" });
      expect(await settle(released, { deliveryId: "d-2" })).toEqual([false]);
      await clock.advance(17_000);
      expect((await intend({ deliveryId: "d-2", attempt: 1, worker: "w-3" }))?.is).toBe("unknown");
      expect(await settle("sent", { deliveryId: "d-2", worker: "w-2" })).toEqual([false]);
      expect(await ledger.settle([])).toEqual([]);
    });

    it("keeps cycles, targets, deliveries and environments apart", async () => {
      const { intend, settle } = await opened();
      await intend();
      await settle("dead");
      const others = [{ cycle: 2 }, { target: "ann@work.test" }, { deliveryId: "d-2" }, { environment: "staging" }];
      for (const more of others) expect(await intend(more)).toEqual({ is: "send" });
    });

    it("keeps what it knows for eight days past the last activity, and forgets it then", async () => {
      const { clock, ledger, intend, settle } = await opened();
      await intend();
      await clock.advance(10_000);
      await settle("sent");
      await clock.advance((7 * 24 + 23) * HOUR);
      await intend({ notificationId: "n-2" });
      expect((await intend())?.is).toBe("settled");
      await clock.advance(3 * HOUR);
      await expect
        .poll(async () => {
          await ledger.intend([attemptOf({ notificationId: "n-3" })]);
          return (await intend())?.is;
        })
        .toBe("send");
    });

    it("leases that are repeatable are leases like others", async () => {
      const { clock, ledger } = await opened();
      expect(await ledger.intend([attemptOf()], { repeatable: true })).toEqual([{ is: "send" }]);
      expect(await ledger.intend([attemptOf()])).toEqual([{ is: "leased", untilMs: clock.nowMs() + 17_000 }]);
    });

    it("under any interleaving at most one lease lives, and what is settled never changes", async () => {
      const step = fc.oneof(
        fc.record({ is: fc.constant("intend" as const), worker: fc.nat(2), attempt: fc.nat(2), wait: fc.nat(2) }),
        fc.record({ is: fc.constant("settle" as const), worker: fc.nat(2), how: fc.nat(2), attempt: fc.nat(2), wait: fc.nat(2) }),
        fc.record({ is: fc.constant("extend" as const), worker: fc.nat(2) }),
        fc.record({ is: fc.constant("pass" as const), ms: fc.constantFrom(1, 8_500, 17_000) }),
        fc.record({ is: fc.constant("cancel" as const) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const { clock, ledger } = await opened();
          let held: { worker: string; untilMs: number; attempt: number; wait: number } | undefined;
          let ended: string | undefined;
          let canceled = false;
          for (const each of steps) {
            if (each.is === "cancel") {
              await ledger.cancel({
                environment: about.environment,
                notificationId: about.notificationId,
                untilMs: Number.MAX_SAFE_INTEGER,
              });
              canceled = true;
              continue;
            }
            if (each.is === "pass") {
              await clock.advance(each.ms);
              continue;
            }
            const worker = `w-${each.worker}`;
            if (each.is === "extend") {
              const [hold] = await ledger.extend([extensionOf({ worker })]);
              const isHeld = held?.worker === worker;
              expect(hold).toBe(isHeld ? (canceled ? "canceled" : "held") : "lost");
              if (held && isHeld) held = { ...held, untilMs: Math.max(held.untilMs, clock.nowMs() + 17_000) };
              continue;
            }
            const { attempt, wait } = each;
            if (each.is === "settle") {
              const state = (["sent", "failed", { released: { attempt, wait } }] as const)[each.how] as Settled["state"];
              await ledger.settle([settledAs(state, { worker })]);
              if (held?.worker !== worker) continue;
              const isOfEarlierLease = attempt < held.attempt || (attempt === held.attempt && wait <= held.wait);
              if (typeof state !== "string" && isOfEarlierLease) continue;
              held = undefined;
              if (typeof state === "string") ended ??= state;
              continue;
            }
            const [intent] = await ledger.intend([attemptOf({ worker, attempt, wait })]);
            if (ended !== undefined) expect(intent).toMatchObject({ is: "settled", state: ended });
            if (canceled) expect(["send", "unknown"]).not.toContain(intent?.is);
            if (intent?.is === "canceled") {
              expect(canceled && (held === undefined || held.untilMs <= clock.nowMs())).toBe(true);
              held = undefined;
              ended ??= "canceled";
            }
            if (intent?.is === "send") expect(held).toBeUndefined();
            if (intent?.is === "unknown") expect(held?.untilMs).toBeLessThanOrEqual(clock.nowMs());
            if (intent?.is === "leased") expect(intent.untilMs).toBe(held?.untilMs);
            if (intent?.is === "send" || intent?.is === "unknown") held = { worker, untilMs: clock.nowMs() + 17_000, attempt, wait };
          }
        }),
        { numRuns: 60 },
      );
    });
  });
}
