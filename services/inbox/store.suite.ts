/** What every inbox store holds to; each adapter's test calls it. */
import { beforeEach, describe, expect, it } from "vitest";
import type { InboxStore, NewRow } from "./store.ts";

/** Rows that the store under test keeps of one person. */
export const KEPT = 5;

export const inboxStoreSuite = (name: string, open: () => Promise<InboxStore>): void => {
  describe(`the inbox store on ${name}`, () => {
    let store: InboxStore;
    beforeEach(async () => {
      store = await open();
    });

    const row = (word: string, more: Partial<NewRow> = {}): NewRow => ({
      ...{ environment: "development", userId: "ann", deliveryId: `d-${word}`, notificationId: `n-${word}`, eventType: "post.liked" },
      ...{ category: "post", title: `Title ${word}`, body: `Body ${word}`, createdAtMs: 1_700_000_000_000, ...more },
    });
    const seqs = async (...rows: NewRow[]) => (await store.add(rows)).map(({ seq }) => seq);
    const rowsAfter = (seq: number, limit = 100, userId = "ann", environment = "development") =>
      store.after(environment, userId, seq, limit);
    const words = async (...args: Parameters<typeof rowsAfter>) => (await rowsAfter(...args)).map(({ deliveryId }) => deliveryId.slice(2));

    it("counts a person's rows 1, 2, 3 without a hole, in one batch and over several", async () => {
      expect(await seqs(row("a"), row("b"))).toEqual([1, 2]);
      expect(await seqs(row("c"))).toEqual([3]);
      expect((await rowsAfter(0)).map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect(await words(0)).toEqual(["a", "b", "c"]);
    });

    it("leaves no hole where several batches come at once", async () => {
      const placed = await Promise.all(["a", "b", "c", "d", "e"].map((word) => seqs(row(word))));
      expect(placed.flat().sort()).toEqual([1, 2, 3, 4, 5]);
      expect((await rowsAfter(0)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    });

    it("keeps every field as it was given", async () => {
      const given = row("a", { title: "Zwei\nZeilen ✨", body: "", eventType: "", createdAtMs: 1_712_319_780_123 });
      await store.add([given]);
      const { environment, userId, ...kept } = given;
      expect(await rowsAfter(0)).toEqual([{ ...kept, seq: 1 }]);
    });

    it("forgets a person, who begins anew with another epoch, and nobody else", async () => {
      const [first] = await store.add([row("a"), row("b"), row("c", { userId: "bo" }), row("d", { environment: "staging" })]);
      await store.erase("development", "ann");
      await store.erase("development", "ann");
      await store.erase("development", "nobody");
      expect(await store.box("development", "ann")).toEqual({ epoch: "", topSeq: 0 });
      expect(await rowsAfter(0)).toEqual([]);
      expect(await store.placed([row("a")])).toEqual([undefined]);
      expect(await store.seqOf("development", "ann", "n-a")).toBeUndefined();
      expect(await words(0, 9, "bo")).toEqual(["c"]);
      expect(await words(0, 9, "ann", "staging")).toEqual(["d"]);
      const [again] = await store.add([row("a", { title: "New" })]);
      expect(again?.seq).toBe(1);
      expect(again?.epoch).not.toBe(first?.epoch);
      expect((await rowsAfter(0)).map(({ title }) => title)).toEqual(["New"]);
    });

    it("finds a delivery that comes again where it stands, as it was first stored", async () => {
      const [first] = await store.add([row("a", { createdAtMs: 1_000 }), row("b")]);
      const again = await store.add([row("a", { createdAtMs: 9_000, title: "Another" }), row("c")]);
      expect(again).toEqual([first, { epoch: first?.epoch, seq: 3, createdAtMs: row("c").createdAtMs }]);
      expect(first).toMatchObject({ seq: 1, createdAtMs: 1_000 });
      expect((await rowsAfter(0)).map(({ seq, title }) => [seq, title])).toEqual([
        [1, "Title a"],
        [2, "Title b"],
        [3, "Title c"],
      ]);
    });

    it("stores a delivery once that is twice in one batch, or in two batches at once", async () => {
      expect(await seqs(row("a"), row("a"), row("b"))).toEqual([1, 1, 2]);
      expect(await Promise.all([seqs(row("c")), seqs(row("c"))])).toEqual([[3], [3]]);
      expect(await words(0)).toEqual(["a", "b", "c"]);
    });

    it("gives each person an epoch, which stays", async () => {
      const [first] = await store.add([row("a")]);
      const [second, bo] = await store.add([row("b"), row("c", { userId: "bo" })]);
      expect(first?.epoch).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
      expect(second?.epoch).toBe(first?.epoch);
      expect(bo?.epoch).not.toBe(first?.epoch);
      expect(await store.box("development", "ann")).toEqual({ epoch: first?.epoch, topSeq: 2 });
    });

    it("tells of somebody without rows that there are none", async () => {
      expect(await store.box("development", "ann")).toEqual({ epoch: "", topSeq: 0 });
      expect(await rowsAfter(0)).toEqual([]);
      expect(await store.seqOf("development", "ann", "n-a")).toBeUndefined();
      expect(await store.add([])).toEqual([]);
    });

    it("pages after a seq, oldest first", async () => {
      await store.add(["a", "b", "c", "d", "e"].map((word) => row(word)));
      expect(await words(0, 2)).toEqual(["a", "b"]);
      expect(await words(2, 2)).toEqual(["c", "d"]);
      expect(await words(4, 2)).toEqual(["e"]);
      expect(await words(5, 2)).toEqual([]);
    });

    it("keeps persons and environments apart", async () => {
      await store.add([row("a"), row("b", { userId: "bo" }), row("c", { environment: "production" }), row("d")]);
      expect(await words(0)).toEqual(["a", "d"]);
      expect(await words(0, 9, "bo")).toEqual(["b"]);
      expect(await words(0, 9, "ann", "production")).toEqual(["c"]);
      expect((await store.box("production", "ann")).topSeq).toBe(1);
      expect(await store.seqOf("production", "ann", "n-a")).toBeUndefined();
      expect(await store.seqOf("development", "ann", "n-c")).toBeUndefined();
      expect(await store.seqOf("development", "bo", "n-a")).toBeUndefined();
      expect(await store.seqOf("development", "ann", "n-b")).toBeUndefined();
    });

    it("takes the same delivery id of another environment, or of another person, for another delivery", async () => {
      const elsewhere = { ...row("a"), environment: "production" };
      const others = { ...row("a"), userId: "bo" };
      await store.add([row("first"), row("a")]);
      expect(await seqs(row("z", { environment: "production" }), elsewhere, others)).toEqual([1, 2, 1]);
      expect(await words(0, 9, "ann", "production")).toEqual(["z", "a"]);
      expect(await words(0, 9, "bo")).toEqual(["a"]);
    });

    it("tells where deliveries stand already, and of which it knows nothing", async () => {
      const [first] = await store.add([row("a")]);
      expect(await store.placed([row("b"), row("a"), row("a", { environment: "production" }), row("a", { userId: "bo" })])).toEqual([
        undefined,
        first,
        undefined,
        undefined,
      ]);
      expect((await store.box("development", "bo")).topSeq).toBe(0);
    });

    it("knows the row that a notification came by; of several, the newest", async () => {
      await store.add([row("a"), row("b"), row("c", { notificationId: "n-a" }), row("d")]);
      expect(await store.seqOf("development", "ann", "n-b")).toBe(2);
      expect(await store.seqOf("development", "ann", "n-a")).toBe(3);
      expect(await store.seqOf("development", "ann", "n-x")).toBeUndefined();
    });

    it("keeps a person's newest rows, each their own, and seq goes on counting", async () => {
      await store.add([row("bo", { userId: "bo" })]);
      for (const word of ["a", "b", "c", "d", "e", "f", "g"]) await store.add([row(word)]);
      expect((await rowsAfter(0)).map(({ seq }) => seq)).toEqual([3, 4, 5, 6, 7]);
      expect((await store.box("development", "ann")).topSeq).toBe(7);
      expect(await store.placed([row("b")])).toEqual([undefined]);
      expect(await words(0, 9, "bo")).toEqual(["bo"]);
    });
  });
};
