/** What every TemplateStore holds to. `open` answers an empty store each time. */
import { describe, expect, it } from "vitest";
import type { TemplateStore } from "./store.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const draft = (name: string, text = "one") => ({ name, source: bytes(text) });
const env = "development";

export function templateStoreSuite(name: string, open: () => Promise<TemplateStore>): void {
  describe(`${name} as a template store`, () => {
    const textOf = async (store: TemplateStore, version: number, template = "t") => {
      const there = await store.version(env, template, version);
      return there && new TextDecoder().decode(there.source);
    };

    it("creates a template with its first draft, and not twice", async () => {
      const store = await open();
      const template = { name: "t", liveVersion: 0, draftVersion: 1, createdAtMs: 5, updatedAtMs: 5 };
      expect(await store.create(env, draft("t"), 5)).toEqual(template);
      expect(await store.create(env, draft("t", "other"), 6)).toBeUndefined();
      expect(await store.find(env, "t")).toEqual(template);
      expect(await store.versions(env, "t", 10)).toEqual([{ version: 1, revision: 1, createdAtMs: 5, publishedAtMs: 0 }]);
      expect(await textOf(store, 1)).toBe("one");
    });

    it("changes a draft for whoever names its revision, and for nobody else", async () => {
      const store = await open();
      await store.create(env, draft("t"), 5);
      expect(await store.saveDraft(env, draft("t", "two"), 1, 6)).toEqual({ version: 1, revision: 2, createdAtMs: 5, publishedAtMs: 0 });
      expect(await store.saveDraft(env, draft("t", "late"), 1, 7)).toBe("outdated");
      expect(await store.saveDraft(env, draft("t", "new"), 0, 7)).toBe("outdated");
      expect(await store.saveDraft(env, draft("who"), 0, 7)).toBe("absent");
      expect(await textOf(store, 1)).toBe("two");
      expect((await store.find(env, "t"))?.updatedAtMs).toBe(6);
    });

    it("lets one of several changes through that name the same revision", async () => {
      const store = await open();
      await store.create(env, draft("t"), 5);
      const answers = await Promise.all(["a", "b", "c"].map((text) => store.saveDraft(env, draft("t", text), 1, 6)));
      expect(answers.filter((answer) => answer === "outdated")).toHaveLength(2);
    });

    it("publishes the draft that has the revision named, once", async () => {
      const store = await open();
      await store.create(env, draft("t"), 5);
      expect(await store.publish(env, "t", 2, 7)).toBe("outdated");
      expect(await store.publish(env, "t", 1, 7)).toEqual({ name: "t", liveVersion: 1, draftVersion: 0, createdAtMs: 5, updatedAtMs: 7 });
      expect(await store.publish(env, "t", 1, 8)).toBe("absent");
      expect(await store.publish(env, "who", 1, 8)).toBe("absent");
      expect(await store.version(env, "t", 1)).toMatchObject({ publishedAtMs: 7 });
    });

    it("leaves a published version as it is, and counts the next draft on from it", async () => {
      const store = await open();
      await store.create(env, draft("t"), 5);
      await store.publish(env, "t", 1, 6);
      expect(await store.saveDraft(env, draft("t", "more"), 1, 7)).toBe("outdated");
      expect(await store.saveDraft(env, draft("t", "two"), 0, 7)).toEqual({ version: 2, revision: 1, createdAtMs: 7, publishedAtMs: 0 });
      expect([await textOf(store, 1), await textOf(store, 2)]).toEqual(["one", "two"]);
      expect(await store.find(env, "t")).toMatchObject({ liveVersion: 1, draftVersion: 2 });
      expect(await store.publish(env, "t", 1, 8)).toMatchObject({ liveVersion: 2, draftVersion: 0 });
      expect((await store.versions(env, "t", 10)).map(({ version }) => version)).toEqual([2, 1]);
      expect((await store.versions(env, "t", 1)).map(({ version }) => version)).toEqual([2]);
    });

    it("makes a version live again that was published, leaving the draft alone", async () => {
      const store = await open();
      await store.create(env, draft("t"), 5);
      await store.publish(env, "t", 1, 6);
      await store.saveDraft(env, draft("t", "two"), 0, 7);
      expect(await store.publishAgain(env, "t", 2, 8)).toBe("absent");
      expect(await store.publishAgain(env, "t", 9, 8)).toBe("absent");
      await store.publish(env, "t", 1, 9);
      await store.saveDraft(env, draft("t", "three"), 0, 10);
      expect(await store.publishAgain(env, "t", 1, 11)).toMatchObject({ liveVersion: 1, draftVersion: 3, updatedAtMs: 11 });
      expect(await store.version(env, "t", 1)).toMatchObject({ publishedAtMs: 11 });
    });

    it("archives a template so that nothing is live, and lets it come back", async () => {
      const store = await open();
      await store.create(env, draft("t"), 5);
      await store.publish(env, "t", 1, 6);
      expect(await store.archive(env, "t", 7)).toMatchObject({ liveVersion: 0, updatedAtMs: 7 });
      expect(await store.archive(env, "who", 7)).toBe("absent");
      expect(await store.publishAgain(env, "t", 1, 8)).toMatchObject({ liveVersion: 1 });
    });

    it("lists by name, page by page", async () => {
      const store = await open();
      for (const each of ["b", "a", "c"]) await store.create(env, draft(each), 5);
      expect((await store.list(env, "", 2)).map((template) => template.name)).toEqual(["a", "b"]);
      expect((await store.list(env, "b", 2)).map((template) => template.name)).toEqual(["c"]);
    });

    it("keeps environments apart", async () => {
      const store = await open();
      await store.create(env, draft("t"), 5);
      await store.publish(env, "t", 1, 6);
      expect(await store.find("production", "t")).toBeUndefined();
      expect(await store.version("production", "t", 1)).toBeUndefined();
      expect(await store.list("production", "", 10)).toEqual([]);
      expect(await store.publishAgain("production", "t", 1, 7)).toBe("absent");
      expect(await store.archive("production", "t", 7)).toBe("absent");
      expect(await store.create("production", draft("t", "theirs"), 8)).toMatchObject({ liveVersion: 0 });
      expect(await textOf(store, 1)).toBe("one");
    });
  });
}
