/** What every SuppressionStore holds to. `open` answers an empty store each time. */
import { describe, expect, it } from "vitest";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { NEWEST } from "#platform/page.ts";
import type { SuppressionStore, Who } from "./suppressions.ts";

const { BOUNCE, COMPLAINT, MANUAL, UNSPECIFIED } = SuppressionReason;

const addressed = (whom: string): Who => ({ whom, userId: "", channel: Channel.EMAIL, address: `${whom}@example.test` });
const person = (whom: string): Who => ({ whom, userId: `user-${whom}`, channel: Channel.UNSPECIFIED, address: "" });

export function suppressionStoreSuite(name: string, open: () => Promise<SuppressionStore>): void {
  describe(`${name} as a suppression list`, () => {
    it("keeps who was put on it, why and when, and finds them among others", async () => {
      const store = await open();
      const ann = { ...addressed("ann"), reason: BOUNCE, atMs: 5 };
      const bo = { ...person("bo"), reason: MANUAL, atMs: 6 };
      expect(await store.add("development", addressed("ann"), BOUNCE, 5)).toEqual(ann);
      expect(await store.add("development", person("bo"), MANUAL, 6)).toEqual(bo);
      const found = await store.among("development", ["bo", "who", "ann"]);
      expect([...found].sort((a, b) => a.atMs - b.atMs)).toEqual([ann, bo]);
      expect(await store.among("development", [])).toEqual([]);
      expect(await store.among("staging", ["ann", "bo"])).toEqual([]);
    });

    it("an entry that is there stays as it was put there", async () => {
      const store = await open();
      await store.add("development", addressed("ann"), BOUNCE, 5);
      expect(await store.add("development", addressed("ann"), COMPLAINT, 9)).toEqual({ ...addressed("ann"), reason: BOUNCE, atMs: 5 });
    });

    it("takes somebody off once, and says when however often it is asked", async () => {
      const store = await open();
      await store.add("development", addressed("ann"), BOUNCE, 5);
      expect(await store.remove("development", "ann", 7)).toEqual({ atMs: 7, removed: true });
      expect(await store.remove("development", "ann", 9)).toEqual({ atMs: 7, removed: false });
      expect(await store.remove("development", "who", 9)).toBeUndefined();
      expect(await store.remove("staging", "ann", 9)).toBeUndefined();
      expect(await store.among("development", ["ann"])).toEqual([]);
      expect(await store.list("development", UNSPECIFIED, NEWEST, 9)).toEqual([]);
    });

    it("leaves who was put on later than asked for", async () => {
      const store = await open();
      await store.add("development", addressed("ann"), BOUNCE, 5);
      expect(await store.remove("development", "ann", 9, 4)).toBeUndefined();
      expect(await store.among("development", ["ann"])).toHaveLength(1);
      expect(await store.remove("development", "ann", 9, 5)).toEqual({ atMs: 9, removed: true });
    });

    it("each change has a later time than the one before, also where clocks disagree", async () => {
      const store = await open();
      await store.add("development", addressed("ann"), BOUNCE, 50);
      expect((await store.remove("development", "ann", 20))?.atMs).toBe(51);
      expect(await store.add("development", addressed("ann"), COMPLAINT, 30)).toEqual({ ...addressed("ann"), reason: COMPLAINT, atMs: 52 });
      expect((await store.remove("development", "ann", 60))?.atMs).toBe(60);
    });

    it("lists the newest first, page by page, of one reason or all", async () => {
      const store = await open();
      for (const [at, whom] of ["a", "b", "c", "d"].entries())
        await store.add("development", addressed(whom), at % 2 ? COMPLAINT : BOUNCE, whom === "c" ? 2 : at + 1);
      await store.add("staging", addressed("z"), BOUNCE, 9);
      const whoms = async (reason: SuppressionReason, after = NEWEST, limit = 9) =>
        (await store.list("development", reason, after, limit)).map(({ whom }) => whom);
      expect(await whoms(UNSPECIFIED)).toEqual(["d", "c", "b", "a"]);
      expect(await whoms(UNSPECIFIED, NEWEST, 2)).toEqual(["d", "c"]);
      expect(await whoms(UNSPECIFIED, { atMs: 2, id: "c" })).toEqual(["b", "a"]);
      expect(await whoms(COMPLAINT)).toEqual(["d", "b"]);
    });

    it("forgets who was taken off long ago, a bounded bite at a time, and nobody who is on it", async () => {
      const store = await open();
      for (const whom of ["a", "b", "c", "d"]) await store.add("development", addressed(whom), MANUAL, 1);
      for (const [at, whom] of ["a", "b", "c"].entries()) await store.remove("development", whom, 10 + at);
      expect(await store.sweep(12, 1)).toBe(1);
      expect(await store.sweep(12, 9)).toBe(1);
      expect(await store.sweep(12, 9)).toBe(0);
      expect(await store.remove("development", "a", 99)).toBeUndefined();
      expect(await store.remove("development", "c", 99)).toEqual({ atMs: 12, removed: false });
      expect(await store.among("development", ["d"])).toHaveLength(1);
    });
  });
}
