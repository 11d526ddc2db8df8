/** What every ScheduleStore holds to. `open` answers an empty store each time. */
import { describe, expect, it } from "vitest";
import type { ScheduleStore, Wait } from "./store.ts";

const wait = (id: string, dueAtMs: number, more: Partial<Wait> = {}): Wait => ({
  ...{ id, dueAtMs, topic: "email-notifications", key: `development/${id}`, value: new TextEncoder().encode(id), trace: "" },
  ...more,
});
const idsOf = (waits: readonly Wait[]) => waits.map(({ id }) => id);

export function scheduleStoreSuite(name: string, open: () => Promise<ScheduleStore>): void {
  describe(`${name} as a schedule store`, () => {
    it("answers what is due as it was put", async () => {
      const store = await open();
      const whole = wait("a", 5, { value: new Uint8Array([0, 255, 7]), trace: "00-trace" });
      await store.put([whole, wait("b", 6)]);
      expect(await store.due(4, 10)).toEqual([]);
      expect(await store.due(5, 10)).toEqual([whole]);
    });

    it("answers in the order due, of the same moment in the order put, and no more than asked for", async () => {
      const store = await open();
      await store.put([wait("late", 9), wait("z", 5), wait("a", 5)]);
      await store.put([wait("early", 2), wait("m", 5)]);
      expect(idsOf(await store.due(100, 10))).toEqual(["early", "z", "a", "m", "late"]);
      expect(idsOf(await store.due(100, 3))).toEqual(["early", "z", "a"]);
    });

    it("answers fewer where they are large, but all of them in the end and never none", async () => {
      const store = await open();
      const MiB = 1024 * 1024;
      const sizes = [3 * MiB, 3 * MiB, 9 * MiB, 1, 2];
      for (const [index, size] of sizes.entries()) await store.put([wait(`w-${index}`, index, { value: new Uint8Array(size) })]);
      const pages: string[][] = [];
      for (let page = await store.due(100, 10); page.length > 0; page = await store.due(100, 10)) {
        pages.push(idsOf(page));
        await store.remove(idsOf(page));
      }
      expect(pages).toEqual([["w-0"], ["w-1"], ["w-2"], ["w-3", "w-4"]]);
    });

    it("keeps the first of two with the same id", async () => {
      const store = await open();
      await store.put([wait("a", 5)]);
      await store.put([wait("a", 3, { topic: "web-notifications" }), wait("b", 5)]);
      expect(idsOf(await store.due(4, 10))).toEqual([]);
      expect(await store.due(5, 10)).toEqual([wait("a", 5), wait("b", 5)]);
    });

    it("knows when the next one is due", async () => {
      const store = await open();
      expect(await store.nextDueMs()).toBeUndefined();
      await store.put([wait("a", 1_700_000_000_123), wait("b", 1_700_000_000_122)]);
      expect(await store.nextDueMs()).toBe(1_700_000_000_122);
    });

    it("forgets what is removed, and takes the removal of what is not there", async () => {
      const store = await open();
      await store.put([wait("a", 1), wait("b", 2), wait("c", 3)]);
      await store.remove(["a", "c", "never there"]);
      expect(idsOf(await store.due(100, 10))).toEqual(["b"]);
      expect(await store.nextDueMs()).toBe(2);
    });
  });
}
