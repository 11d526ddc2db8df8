/** Leases that live on: part of ledger.suite.ts. */
import { describe, expect, it } from "vitest";
import { ENDED_MS, extensionOf, type Open, opening } from "./ledger.fixture.ts";

export function extendSuite(name: string, open: Open): void {
  const opened = opening(open);

  describe(`${name}: extensions`, () => {
    it("a lease that its holder extends lives on from then, for whoever asks", async () => {
      const { clock, intend, extend } = await opened();
      await intend();
      await clock.advance(12_000);
      expect(await extend()).toBe("held");
      const untilMs = clock.nowMs() + 17_000;
      await clock.advance(16_999);
      expect(await intend({ worker: "w-2" })).toEqual({ is: "leased", untilMs });
      await clock.advance(1);
      expect(await intend({ worker: "w-2" })).toEqual({ is: "unknown" });
    });

    it("an extension never makes a lease end earlier", async () => {
      const { clock, intend, extend } = await opened();
      await intend();
      expect(await extend({ leaseMs: 1 })).toBe("held");
      expect(await intend({ worker: "w-2" })).toEqual({ is: "leased", untilMs: clock.nowMs() + 17_000 });
    });

    it("an extended lease is settled as any other", async () => {
      const { clock, intend, extend, settle } = await opened();
      await intend({ attempt: 1, wait: 2 });
      for (let round = 0; round < 5; round++) {
        await clock.advance(10_000);
        expect(await extend()).toBe("held");
      }
      await settle("sent");
      expect(await intend({ worker: "w-2" })).toEqual({ is: "settled", state: "sent", by: { attempt: 1, wait: 2 }, atMs: ENDED_MS });
    });

    it("answers each extension in order: held by its holder alone, and by nobody what ended, was released, or never was", async () => {
      const { clock, ledger, intend, settle } = await opened();
      await intend();
      await intend({ deliveryId: "d-2" });
      await intend({ deliveryId: "d-3" });
      await settle("sent", { deliveryId: "d-2" });
      await settle({ released: { attempt: 0, wait: 1 } }, { deliveryId: "d-3" });
      const asked = [{ worker: "w-2" }, {}, { deliveryId: "d-2" }, { deliveryId: "d-3" }, { deliveryId: "d-4" }, { cycle: 2 }];
      expect(await ledger.extend(asked.map(extensionOf))).toEqual(["lost", "held", "lost", "lost", "lost", "lost"]);
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
      expect(await extend()).toBe("held");
      expect((await intend({ worker: "w-2" }))?.is).toBe("leased");
      expect(await intend({ deliveryId: "d-2", worker: "w-2" })).toEqual({ is: "unknown" });
      expect(await extend({ deliveryId: "d-2" })).toBe("lost");
      await settle("failed", { deliveryId: "d-2" });
      expect((await intend({ deliveryId: "d-2", worker: "w-3" }))?.is).toBe("leased");
    });

    it("says of a lease that nothing may be sent under it any more: it is canceled, or somebody whom it reaches is suppressed or erased", async () => {
      const { ledger, intend, extend } = await opened();
      const environment = "development";
      const leases = [
        { deliveryId: "d-1", notificationId: "n-1", reaches: ["ann"] },
        { deliveryId: "d-2", notificationId: "n-2", reaches: ["bo", "bo@"] },
        { deliveryId: "d-3", notificationId: "n-2", reaches: ["cy"] },
        { deliveryId: "d-4", notificationId: "n-2", reaches: ["cy"], acceptedAtMs: 2_001 },
        { deliveryId: "d-5", notificationId: "n-2", reaches: [] },
      ];
      for (const each of leases) expect(await intend(each)).toEqual({ is: "send" });
      await ledger.cancel({ environment, notificationId: "n-1", untilMs: Number.MAX_SAFE_INTEGER });
      await ledger.suppress({ environment, whom: "bo@", suppressed: true, atMs: 5 });
      await ledger.erase({ environment, whom: "cy", atMs: 2_000, untilMs: Number.MAX_SAFE_INTEGER });
      expect(await ledger.extend(leases.map(extensionOf))).toEqual(["canceled", "suppressed", "erased", "held", "held"]);
      await ledger.suppress({ environment, whom: "bo@", suppressed: false, atMs: 6 });
      expect(await extend(leases[1])).toBe("held");
    });

    it("a lease under which nothing may be sent is still its holder's, who may have sent it and says so", async () => {
      const { clock, ledger, intend, extend, settle } = await opened();
      await intend();
      await ledger.cancel({ environment: "development", notificationId: "n-1", untilMs: Number.MAX_SAFE_INTEGER });
      await clock.advance(10_000);
      expect(await extend()).toBe("canceled");
      await clock.advance(10_000);
      expect((await intend({ worker: "w-2" }))?.is).toBe("leased");
      expect(await extend({ worker: "w-2" })).toBe("lost");
      expect(await settle("sent")).toEqual([true]);
      expect(await intend({ worker: "w-2" })).toMatchObject({ is: "settled", state: "sent" });
    });
  });
}
