/** Erasures, and what they race with: part of ledger.suite.ts. */
import { describe, expect, it } from "vitest";
import { attemptOf, HOUR, type Open, opening } from "./ledger.fixture.ts";
import type { Erased } from "./ledger.ts";

export function erasedSuite(name: string, open: Open): void {
  const opened = opening(open);

  describe(`${name}: erasures`, () => {
    const erasedOf = (more: Partial<Erased> = {}): Erased => ({
      ...{ environment: "development", whom: "ann", atMs: 5_000, untilMs: 8_640_000_000_000_000 },
      ...more,
    });

    it("nothing that was accepted by then is given a lease, and what was accepted later is", async () => {
      const { clock, ledger, intend } = await opened();
      await ledger.erase(erasedOf());
      const atMs = clock.nowMs();
      expect(await intend({ attempt: 1, wait: 2, acceptedAtMs: 5_000 })).toEqual({ is: "erased", atMs });
      await clock.advance(1_000);
      expect(await intend({ worker: "w-2" })).toEqual({ is: "settled", state: "erased", by: { attempt: 1, wait: 2 }, atMs });
      expect(await intend({ notificationId: "n-2", deliveryId: "d-2", acceptedAtMs: 1 })).toMatchObject({ is: "erased" });
      expect(await intend({ notificationId: "n-3", deliveryId: "d-3", acceptedAtMs: 5_001 })).toEqual({ is: "send" });
    });

    it("leaves alone whom it does not name, and other environments", async () => {
      const { ledger, intend } = await opened();
      await ledger.erase(erasedOf({ environment: "staging" }));
      await ledger.erase(erasedOf({ whom: "bo" }));
      expect(await intend()).toEqual({ is: "send" });
      expect(await intend({ environment: "staging" })).toMatchObject({ is: "erased" });
      expect(await intend({ environment: "staging", deliveryId: "d-2", reaches: [] })).toEqual({ is: "send" });
    });

    it("refuses a send that was released, and one whose lease ran out; a lease that lives is left to its holder", async () => {
      const { clock, ledger, intend, settle } = await opened();
      await intend();
      await settle({ released: { attempt: 1, wait: 0 } });
      await intend({ deliveryId: "d-2" });
      await clock.advance(17_000);
      await intend({ deliveryId: "d-3" });
      await ledger.erase(erasedOf());
      expect(await intend({ attempt: 1 })).toMatchObject({ is: "erased" });
      expect(await intend({ deliveryId: "d-2" })).toMatchObject({ is: "erased" });
      expect(await intend({ deliveryId: "d-3" })).toMatchObject({ is: "leased" });
      await settle("sent", { deliveryId: "d-3" });
      expect(await intend({ deliveryId: "d-3" })).toMatchObject({ is: "settled", state: "sent" });
    });

    it("of several the latest holds, in whatever order they are told, and tells when it was", async () => {
      const { ledger, intend } = await opened();
      await ledger.erase(erasedOf({ atMs: 7_000 }));
      await ledger.erase(erasedOf({ atMs: 6_000 }));
      expect(await intend({ acceptedAtMs: 7_000 })).toMatchObject({ is: "erased" });
      expect(await ledger.erasedAt("development", ["bo", "ann", "ann"])).toEqual([0, 7_000, 7_000]);
      expect(await ledger.erasedAt("staging", ["ann"])).toEqual([0]);
      expect(await ledger.erasedAt("development", [])).toEqual([]);
    });

    it("answers each try of a batch by itself", async () => {
      const { ledger } = await opened();
      await ledger.erase(erasedOf());
      const tries = [5_001, 4_000, 5_000].map((acceptedAtMs, place) => attemptOf({ acceptedAtMs, deliveryId: `d-${place}` }));
      expect((await ledger.intend(tries)).map(({ is }) => is)).toEqual(["send", "erased", "erased"]);
    });

    it("is forgotten when it says so, and not before; said again it is kept for the longer of both", async () => {
      const { clock, ledger, intend } = await opened();
      const untilMs = clock.nowMs() + 10 * HOUR;
      await ledger.erase(erasedOf({ untilMs }));
      await ledger.erase(erasedOf({ untilMs: untilMs - 5 * HOUR }));
      await clock.advance(8 * HOUR);
      let round = 0;
      const fresh = async () => (await intend({ deliveryId: `d-${round++}` }))?.is;
      expect(await fresh()).toBe("erased");
      await clock.advance(4 * HOUR);
      await expect.poll(fresh).toBe("send");
    });
  });
}
