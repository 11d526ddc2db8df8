/** Sends that may happen at most once: what every Ledger holds to that is given them. `open` as for ledger.suite.ts. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attemptOf, ENDED_MS, type Open, opening, settledAs } from "./ledger.fixture.ts";

const once = { atMostOnce: true };
const unresolved = { is: "unresolved", atMs: expect.any(Number) };

export function onceSuite(name: string, open: Open): void {
  const opened = opening(open);

  describe(`${name}: sends that may happen at most once`, () => {
    it("are leased like others", async () => {
      const { clock, intend } = await opened();
      const untilMs = clock.nowMs() + 17_000;
      expect(await intend(once)).toEqual({ is: "send" });
      expect(await intend({ ...once, worker: "w-2" })).toEqual({ is: "leased", untilMs });
    });

    it("are given up when a lease runs out with the send unresolved: for ever, and as of one time", async () => {
      const { clock, intend, settle } = await opened();
      await intend({ ...once, attempt: 1 });
      await clock.advance(17_000);
      const atMs = clock.nowMs();
      expect(await intend({ ...once, attempt: 1, wait: 1, worker: "w-2" })).toEqual({ is: "unresolved", atMs });
      await clock.advance(60_000);
      const settled = { is: "settled", state: "unresolved", by: { attempt: 1, wait: 1 }, atMs };
      expect(await intend({ ...once, attempt: 1, wait: 1, worker: "w-3" })).toEqual(settled);
      expect(await settle("sent", once)).toEqual([false]);
      expect(await intend({ ...once, attempt: 2, worker: "w-4" })).toEqual(settled);
    });

    it("stay in the hands of who extends their lease, for as long as they do", async () => {
      const { clock, intend, extend, settle } = await opened();
      await intend(once);
      for (let round = 0; round < 5; round++) {
        await clock.advance(10_000);
        expect(await extend(once)).toBe("held");
      }
      expect((await intend({ ...once, worker: "w-2" }))?.is).toBe("leased");
      expect(await settle("sent", once)).toEqual([true]);
      expect(await intend({ ...once, worker: "w-2" })).toMatchObject({ is: "settled", state: "sent" });
    });

    it("are tried again after a release, since then they did not happen", async () => {
      const { clock, intend, settle } = await opened();
      await intend(once);
      expect(await settle({ released: { attempt: 1, wait: 0 } }, once)).toEqual([true]);
      expect(await settle({ released: { attempt: 1, wait: 0 } }, once)).toEqual([true]);
      expect(await intend({ ...once, attempt: 1, worker: "w-2" })).toEqual({ is: "send" });
      await clock.advance(17_000);
      expect(await intend({ ...once, attempt: 1, worker: "w-3" })).toEqual(unresolved);
    });

    it("take a late outcome while nobody has given them up", async () => {
      const { clock, intend, settle } = await opened();
      await intend(once);
      await clock.advance(60_000);
      expect(await settle("sent", once)).toEqual([true]);
      expect(await settle("sent", once)).toEqual([true]);
      expect(await intend({ ...once, worker: "w-2" })).toEqual({
        ...{ is: "settled", state: "sent", atMs: ENDED_MS },
        by: { attempt: 0, wait: 0 },
      });
    });

    it("begin anew with a new cycle, whatever became of the one before", async () => {
      const { clock, intend } = await opened();
      await intend(once);
      await clock.advance(17_000);
      expect(await intend({ ...once, worker: "w-2" })).toEqual(unresolved);
      expect(await intend({ ...once, cycle: 2, worker: "w-3" })).toEqual({ is: "send" });
    });

    it("are answered in order among others, of which what may repeat is unknown", async () => {
      const { clock, ledger } = await opened();
      const tries = [
        attemptOf({ deliveryId: "a" }),
        attemptOf({ ...once, deliveryId: "b" }),
        attemptOf({ deliveryId: "c" }),
        attemptOf({ ...once, deliveryId: "d" }),
      ];
      expect((await ledger.intend(tries)).map(({ is }) => is)).toEqual(["send", "send", "send", "send"]);
      expect(await ledger.settle([settledAs("sent", { deliveryId: "a" }), settledAs("sent", { ...once, deliveryId: "d" })])).toEqual([
        true,
        true,
      ]);
      await clock.advance(17_000);
      const again = await ledger.intend(tries.map((each) => ({ ...each, worker: "w-2" })));
      expect(again.map(({ is }) => is)).toEqual(["settled", "unresolved", "unknown", "settled"]);
    });

    it("two tries of one send in a batch get one lease", async () => {
      const { ledger } = await opened();
      const answers = await ledger.intend([attemptOf(once), attemptOf({ ...once, worker: "w-2" })]);
      expect(answers.map(({ is }) => is)).toEqual(["send", "leased"]);
    });

    it("that are canceled or suppressed before they begin have not begun", async () => {
      const { clock, ledger, intend } = await opened();
      await ledger.suppress({ environment: "development", whom: "ann", suppressed: true, atMs: 5 });
      expect(await intend(once)).toMatchObject({ is: "suppressed" });
      await clock.advance(17_000);
      expect(await intend({ ...once, worker: "w-2" })).toMatchObject({ is: "settled", state: "suppressed" });
      await ledger.cancel({ environment: "development", notificationId: "n-2", untilMs: Number.MAX_SAFE_INTEGER });
      expect(await intend({ ...once, notificationId: "n-2", deliveryId: "d-2" })).toMatchObject({ is: "canceled" });
    });

    it("under any interleaving are sent once, unless each earlier time was released", async () => {
      const step = fc.oneof(
        fc.record({ is: fc.constant("intend" as const), attempt: fc.nat(1), wait: fc.nat(1) }),
        fc.record({ is: fc.constant("settle" as const), by: fc.nat(9), how: fc.nat(2) }),
        fc.record({ is: fc.constant("extend" as const), by: fc.nat(9) }),
        fc.record({ is: fc.constant("pass" as const), ms: fc.constantFrom(1, 8_500, 17_000) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
          const { clock, intend, extend, settle } = await opened();
          const allowed: { readonly worker: string; readonly attempt: number; readonly wait: number; resolved?: string }[] = [];
          let ended: string | undefined;
          let tries = 0;
          for (const each of steps) {
            if (each.is === "pass") {
              await clock.advance(each.ms);
            } else if (each.is === "intend") {
              const { attempt, wait } = each;
              const worker = `w-${++tries}`;
              const answer = await intend({ ...once, attempt, wait, worker });
              expect(answer?.is).not.toBe("unknown");
              if (ended !== undefined) expect(answer).toMatchObject({ is: "settled", state: ended });
              if (answer?.is === "unresolved") ended ??= answer.is;
              if (answer?.is !== "send") continue;
              expect(allowed.every(({ resolved }) => resolved === "released")).toBe(true);
              allowed.push({ worker, attempt, wait });
            } else {
              const one = allowed[each.by % Math.max(1, allowed.length)];
              if (!one || one.resolved) continue;
              const { worker, attempt } = one;
              if (each.is === "extend") {
                await extend({ ...once, worker });
                continue;
              }
              const state = (["sent", "failed", { released: { attempt: attempt + 1, wait: 0 } }] as const)[each.how] as "sent";
              const [taken] = await settle(state, { ...once, worker });
              expect(taken).toBe(ended === undefined);
              if (!taken) continue;
              one.resolved = typeof state === "string" ? state : "released";
              if (typeof state === "string") ended = state;
            }
          }
        }),
        { numRuns: 40 },
      );
    });
  });
}
