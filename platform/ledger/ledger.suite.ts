/** What every Ledger holds to. `open` answers an empty ledger each time, on a clock that stands still until it is moved on. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Clock } from "#platform/clock.ts";
import type { Cancel, Draft, Extension, Ledger, Settled, Try } from "./ledger.ts";

const HOUR = 3_600_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value);

const about = { environment: "development", notificationId: "n-1", deliveryId: "d-1", cycle: 1, target: "ann@example.test" };
const attemptOf = (more: Partial<Try> = {}): Try => ({ ...about, attempt: 0, wait: 0, worker: "w-1", leaseMs: 17_000, ...more });
const settledAs = (state: Settled["state"], more: Partial<Settled> = {}): Settled => ({ ...about, worker: "w-1", state, ...more });
const extensionOf = (more: Partial<Extension> = {}): Extension => ({ ...about, worker: "w-1", leaseMs: 17_000, ...more });
const draft = (decision: string, more: Partial<Draft> = {}): Draft => ({
  environment: "development",
  notificationId: "n-1",
  recipient: "ann",
  decision: bytes(decision),
  ...more,
});

export interface Opened {
  readonly ledger: Ledger;
  readonly clock: Clock & { advance(ms: number): Promise<void> };
}

export function ledgerSuite(name: string, open: () => Promise<Opened>): void {
  const opened = async () => {
    const { clock, ledger } = await open();
    const intend = async (more?: Partial<Try>) => (await ledger.intend([attemptOf(more)]))[0];
    const settle = (state: Settled["state"], more?: Partial<Settled>) => ledger.settle([settledAs(state, more)]);
    const extend = async (more?: Partial<Extension>) => (await ledger.extend([extensionOf(more)]))[0];
    return { clock, ledger, intend, extend, settle };
  };

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

    it.each(["sent", "failed", "dead", "expired"] as const)("%s is for ever, and says which try it was", async (state) => {
      const { clock, intend, settle } = await opened();
      await intend({ attempt: 1, wait: 2 });
      await settle(state);
      for (const other of ["sent", "failed", "dead", "expired", { released: { attempt: 9, wait: 0 } }] as const) await settle(other);
      await clock.advance(20_000);
      for (const more of [{}, { attempt: 1, wait: 2 }, { attempt: 8 }, { worker: "w-2" }])
        expect(await intend(more)).toEqual({ is: "settled", state, by: { attempt: 1, wait: 2 } });
    });

    it("after a release the expected record sends, and an older one is a repeat that hears what is expected", async () => {
      const { intend, settle } = await opened();
      await intend();
      await settle({ released: { attempt: 1, wait: 0 } });
      expect(await intend()).toEqual({ is: "repeat", expected: { attempt: 1, wait: 0 } });
      expect(await intend({ wait: 7 })).toEqual({ is: "repeat", expected: { attempt: 1, wait: 0 } });
      expect(await intend({ attempt: 1, worker: "w-2" })).toEqual({ is: "send" });
    });

    it("after a release a record that has come further than expected sends as well", async () => {
      const { intend, settle } = await opened();
      await intend();
      await settle({ released: { attempt: 0, wait: 1 } });
      expect(await intend({ wait: 2 })).toEqual({ is: "send" });
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

    it("a lease that its holder extends lives on from then, for whoever asks", async () => {
      const { clock, intend, extend } = await opened();
      await intend();
      await clock.advance(12_000);
      expect(await extend()).toBe(true);
      const untilMs = clock.nowMs() + 17_000;
      await clock.advance(16_999);
      expect(await intend({ worker: "w-2" })).toEqual({ is: "leased", untilMs });
      await clock.advance(1);
      expect(await intend({ worker: "w-2" })).toEqual({ is: "unknown" });
    });

    it("an extension never makes a lease end earlier", async () => {
      const { clock, intend, extend } = await opened();
      await intend();
      expect(await extend({ leaseMs: 1 })).toBe(true);
      expect(await intend({ worker: "w-2" })).toEqual({ is: "leased", untilMs: clock.nowMs() + 17_000 });
    });

    it("an extended lease is settled as any other", async () => {
      const { clock, intend, extend, settle } = await opened();
      await intend({ attempt: 1, wait: 2 });
      for (let round = 0; round < 5; round++) {
        await clock.advance(10_000);
        expect(await extend()).toBe(true);
      }
      await settle("sent");
      expect(await intend({ worker: "w-2" })).toEqual({ is: "settled", state: "sent", by: { attempt: 1, wait: 2 } });
    });

    it("answers each extension in order: held by its holder alone, and by nobody what ended, was released, or never was", async () => {
      const { clock, ledger, intend, settle } = await opened();
      await intend();
      await intend({ deliveryId: "d-2" });
      await intend({ deliveryId: "d-3" });
      await settle("sent", { deliveryId: "d-2" });
      await settle({ released: { attempt: 0, wait: 1 } }, { deliveryId: "d-3" });
      const asked = [{ worker: "w-2" }, {}, { deliveryId: "d-2" }, { deliveryId: "d-3" }, { deliveryId: "d-4" }, { cycle: 2 }];
      expect(await ledger.extend(asked.map(extensionOf))).toEqual([false, true, false, false, false, false]);
      expect(await intend({ worker: "w-3" })).toEqual({ is: "leased", untilMs: clock.nowMs() + 17_000 });
      expect((await intend({ deliveryId: "d-2" }))?.is).toBe("settled");
      expect(await intend({ deliveryId: "d-3", wait: 1 })).toEqual({ is: "send" });
      expect(await intend({ deliveryId: "d-4" })).toEqual({ is: "send" });
    });

    it("extends a lease that ran out as long as nobody has taken it over, and tells its holder when somebody has", async () => {
      const { clock, intend, extend, settle } = await opened();
      await intend();
      await intend({ deliveryId: "d-2" });
      await clock.advance(17_000);
      expect(await extend()).toBe(true);
      expect((await intend({ worker: "w-2" }))?.is).toBe("leased");
      expect(await intend({ deliveryId: "d-2", worker: "w-2" })).toEqual({ is: "unknown" });
      expect(await extend({ deliveryId: "d-2" })).toBe(false);
      await settle("failed", { deliveryId: "d-2" });
      expect((await intend({ deliveryId: "d-2", worker: "w-3" }))?.is).toBe("leased");
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
      await intend({ deliveryId: "d-2" });
      expect((await intend())?.is).toBe("settled");
      await clock.advance(3 * HOUR);
      await expect
        .poll(async () => {
          await ledger.intend([attemptOf({ deliveryId: "d-3" })]);
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
          let held: { worker: string; untilMs: number } | undefined;
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
              const [isHeld] = await ledger.extend([extensionOf({ worker })]);
              expect(isHeld).toBe(held?.worker === worker);
              if (held && isHeld) held = { ...held, untilMs: Math.max(held.untilMs, clock.nowMs() + 17_000) };
              continue;
            }
            const { attempt, wait } = each;
            if (each.is === "settle") {
              const state = (["sent", "failed", { released: { attempt, wait } }] as const)[each.how] as Settled["state"];
              await ledger.settle([settledAs(state, { worker })]);
              if (held?.worker !== worker) continue;
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
            if (intent?.is === "send" || intent?.is === "unknown") held = { worker, untilMs: clock.nowMs() + 17_000 };
          }
        }),
        { numRuns: 60 },
      );
    });
  });

  describe(`${name}: cancels`, () => {
    const cancelOf = (more: Partial<Cancel> = {}): Cancel => ({
      ...{ environment: "development", notificationId: "n-1", untilMs: Number.MAX_SAFE_INTEGER },
      ...more,
    });
    const statesOf = async (ledger: Ledger, ...ids: string[]) =>
      ledger.statesOf({ environment: "development", notificationId: "n-1", deliveryIds: ids });

    it("from then on no try is given a lease, and what is asked again has ended as canceled", async () => {
      const { ledger, intend } = await opened();
      await ledger.cancel(cancelOf());
      expect(await intend({ attempt: 1, wait: 2 })).toEqual({ is: "canceled" });
      expect(await intend({ worker: "w-2" })).toEqual({ is: "settled", state: "canceled", by: { attempt: 1, wait: 2 } });
      expect(await intend({ deliveryId: "d-2", cycle: 2, target: "" })).toEqual({ is: "canceled" });
    });

    it("refuses a send that was released, and one whose lease ran out unsettled", async () => {
      const { clock, ledger, intend, settle } = await opened();
      await intend();
      await settle({ released: { attempt: 1, wait: 0 } });
      await intend({ deliveryId: "d-2" });
      await ledger.cancel(cancelOf());
      await clock.advance(17_000);
      expect(await intend({ attempt: 1 })).toEqual({ is: "canceled" });
      expect(await intend({ deliveryId: "d-2" })).toEqual({ is: "canceled" });
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
      expect(await extend()).toBe(true);
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
      expect(await intend()).toEqual({ is: "repeat", expected: { attempt: 1, wait: 0 } });
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
