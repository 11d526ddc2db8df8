/** What every adapter of the reservations holds to; each adapter's test calls it. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Reservation, Reservations } from "./reservations.ts";

export interface Opened {
  readonly reservations: Reservations;
  /** As if so much time had passed since `START_MS`, when everything is taken. */
  pass(ms: number): Promise<void>;
}

export const START_MS = 1_700_000_000_000;
const HOUR = 3_600_000;

export const reservationsSuite = (name: string, open: () => Promise<Opened>): void => {
  describe(`reservations on ${name}`, () => {
    let reservations: Reservations;
    let pass: Opened["pass"];
    beforeEach(async () => {
      ({ reservations, pass } = await open());
    });

    const reservation = (word: string, more: Partial<Reservation> = {}): Reservation => ({
      ...{ environment: "development", notificationId: `n-${word}`, hash: `hash of ${word}`, requested: new TextEncoder().encode(word) },
      ...{ key: "development/ann", acceptedAtMs: START_MS, accepted: false, ...more },
    });
    const reserve = async (...items: Reservation[]) => reservations.reserve(items);
    const get = (word: string, environment = "development") => reservations.get(environment, `n-${word}`);

    it("keeps a reservation as it was given", async () => {
      const given = reservation("a", { requested: new Uint8Array([0, 255, 7]), acceptedAtMs: START_MS + 123 });
      expect(await reserve(given)).toEqual([undefined]);
      expect(await get("a")).toEqual(given);
    });

    it("answers the earlier reservation of an id, and leaves it as it was", async () => {
      const first = reservation("a");
      await reserve(first);
      const other = reservation("a", { hash: "another", acceptedAtMs: START_MS + 1, accepted: true, key: "development/bo" });
      expect(await reserve(reservation("b"), other, reservation("c"))).toEqual([undefined, first, undefined]);
      expect(await get("a")).toEqual(first);
    });

    it("answers the first of two in one call to the second", async () => {
      const first = reservation("a");
      expect(await reserve(first, reservation("a", { hash: "another" }))).toEqual([undefined, first]);
    });

    it("is won by exactly one of many that come at once", async () => {
      const rivals = Array.from({ length: 20 }, (_, index) => reservation("a", { hash: `rival ${index}` }));
      const answers = await Promise.all(rivals.map(async (rival) => (await reserve(rival))[0]));
      const winners = rivals.filter((_rival, index) => answers[index] === undefined);
      expect(winners).toHaveLength(1);
      expect(answers.filter((each) => each !== undefined).map(({ hash }) => hash)).toEqual(Array(19).fill(winners[0]?.hash));
      expect((await get("a"))?.hash).toBe(winners[0]?.hash);
    });

    it("tells whether it was accepted, from the marking on, and marks no other", async () => {
      await reserve(reservation("a"), reservation("b"), reservation("c"), reservation("a", { environment: "production" }));
      await reservations.markAccepted("development", ["n-a", "n-c", "n-unknown"]);
      expect([(await get("a"))?.accepted, (await get("b"))?.accepted, (await get("c"))?.accepted]).toEqual([true, false, true]);
      expect((await get("a", "production"))?.accepted).toBe(false);
      expect((await reserve(reservation("a")))[0]?.accepted).toBe(true);
      expect(await get("unknown")).toBeUndefined();
    });

    it("takes one that is accepted from the beginning", async () => {
      await reserve(reservation("a", { hash: "", accepted: true }));
      expect((await get("a"))?.accepted).toBe(true);
    });

    it("keeps environments apart", async () => {
      const elsewhere = reservation("a", { environment: "production", hash: "another" });
      await reserve(reservation("a"));
      expect(await get("a", "production")).toBeUndefined();
      expect(await reserve(elsewhere)).toEqual([undefined]);
      expect(await get("a", "production")).toEqual(elsewhere);
      expect((await get("a"))?.hash).toBe("hash of a");
    });

    it("keeps it for 24 h, and gives the id away again afterwards", async () => {
      await reserve(reservation("a"), reservation("b"));
      await reservations.markAccepted("development", ["n-b"]);
      await pass(24 * HOUR - 60_000);
      expect((await reserve(reservation("a"), reservation("b"))).map((each) => each?.accepted)).toEqual([false, true]);
      await pass(2 * 60_000);
      expect([await get("a"), await get("b")]).toEqual([undefined, undefined]);
      expect(await reserve(reservation("a", { hash: "another" }))).toEqual([undefined]);
      expect((await get("a"))?.hash).toBe("another");
    });
  });
};
