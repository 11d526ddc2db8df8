/** What every CategoryStore holds to. `open` answers an empty store each time. */
import { describe, expect, it } from "vitest";
import type { CategoryStore } from "./categories.ts";

const once = (name: string) => ({ name, atMostOnce: true });

export function categoryStoreSuite(name: string, open: () => Promise<CategoryStore>): void {
  describe(`${name} as the settings of categories`, () => {
    it("keeps what was set, finds it among others, and lists it by name", async () => {
      const store = await open();
      expect(await store.set("development", once("wire"), 9)).toBe(true);
      expect(await store.set("development", once("codes"), 9)).toBe(true);
      expect(await store.among("development", ["codes", "news"])).toEqual([once("codes")]);
      expect(await store.among("development", [])).toEqual([]);
      expect(await store.list("development")).toEqual([once("codes"), once("wire")]);
    });

    it("keeps environments apart, and upper and lower case", async () => {
      const store = await open();
      await store.set("development", once("wire"), 9);
      expect(await store.list("staging")).toEqual([]);
      expect(await store.among("staging", ["wire"])).toEqual([]);
      expect(await store.among("development", ["Wire"])).toEqual([]);
    });

    it("a category that is set to the defaults has no settings any more", async () => {
      const store = await open();
      await store.set("development", once("wire"), 1);
      expect(await store.set("development", { name: "wire", atMostOnce: false }, 1)).toBe(true);
      expect(await store.list("development")).toEqual([]);
      expect(await store.set("development", { name: "never-set", atMostOnce: false }, 0)).toBe(true);
    });

    it("takes no more than so many, and goes on taking changes of those", async () => {
      const store = await open();
      for (const each of ["a", "b"]) await store.set("development", once(each), 2);
      expect(await store.set("development", once("c"), 2)).toBe(false);
      expect(await store.set("development", once("b"), 2)).toBe(true);
      expect((await store.list("development")).map(({ name }) => name)).toEqual(["a", "b"]);
      expect(await store.set("staging", once("c"), 2)).toBe(true);
    });
  });
}
