/** What every PreferenceStore holds to. `open` answers an empty store each time. */
import { describe, expect, it } from "vitest";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import type { PersonRecord, PreferenceStore } from "./store.ts";

const nobody = (userId: string, atMs: number): PersonRecord => ({
  userId,
  email: "",
  name: "",
  locale: "",
  timeZone: "",
  createdAtMs: atMs,
  updatedAtMs: atMs,
});

export function preferenceStoreSuite(name: string, open: () => Promise<PreferenceStore>): void {
  describe(`${name} as a preference store`, () => {
    it("creates a person with what is known and answers them", async () => {
      const store = await open();
      const ann = { ...nobody("ann", 5), email: "ann@example.test", name: "Ann" };
      expect(await store.upsert("development", [{ userId: "ann", email: "ann@example.test", name: "Ann" }], 5)).toEqual([ann]);
      expect(await store.find("development", ["ann"])).toEqual([{ person: ann, choices: [], quietHours: undefined }]);
    });

    it("keeps the fields that a change leaves out, and empties those that it names as empty", async () => {
      const store = await open();
      await store.upsert("development", [{ userId: "ann", email: "ann@example.test", name: "Ann", locale: "de" }], 5);
      const changed = await store.upsert("development", [{ userId: "ann", email: "", locale: "de-AT" }], 9);
      expect(changed).toEqual([{ ...nobody("ann", 5), name: "Ann", locale: "de-AT", updatedAtMs: 9 }]);
    });

    it("does not count a change that changes nothing", async () => {
      const store = await open();
      await store.upsert("development", [{ userId: "ann", name: "Ann" }], 5);
      const [same] = await store.upsert("development", [{ userId: "ann", name: "Ann" }], 9);
      expect(same?.updatedAtMs).toBe(5);
    });

    it("answers several changes of one person in the order given", async () => {
      const store = await open();
      const answers = await store.upsert(
        "development",
        [
          { userId: "ann", name: "Ann" },
          { userId: "bo", name: "Bo" },
          { userId: "ann", name: "Anna" },
        ],
        5,
      );
      expect(answers.map((each) => each.name)).toEqual(["Ann", "Bo", "Anna"]);
    });

    it("finds people in the order asked for, and nobody where there is nobody", async () => {
      const store = await open();
      await store.upsert("development", [{ userId: "ann" }, { userId: "bo" }], 5);
      const found = await store.find("development", ["bo", "who", "ann", "bo"]);
      expect(found.map((known) => known?.person.userId)).toEqual(["bo", undefined, "ann", "bo"]);
    });

    it("finds people by what their id or their email begins with, in the order of ids", async () => {
      const store = await open();
      await store.upsert("development", [{ userId: "cy", email: "Anna@example.test" }, { userId: "ann" }, { userId: "Ann" }], 5);
      await store.upsert("development", [{ userId: "annabel", email: "ann@example.test" }, { userId: "bo" }, { userId: "%" }], 5);
      await store.upsert("production", [{ userId: "anne" }], 5);
      const ids = async (prefix: string, limit = 10) => (await store.search("development", prefix, limit)).map(({ userId }) => userId);
      expect(await ids("ann")).toEqual(["ann", "annabel", "cy"]);
      expect(await ids("ANNA@")).toEqual(["cy"]);
      expect(await ids("annabel")).toEqual(["annabel"]);
      expect(await ids("%")).toEqual(["%"]);
      expect(await ids("nobody")).toEqual([]);
      expect(await ids("", 2)).toEqual(["%", "Ann"]);
      expect(await ids("ann", 2)).toEqual(["ann", "annabel"]);
    });

    it("creates those that it does not know, once, and leaves the others as they are", async () => {
      const store = await open();
      await store.upsert("development", [{ userId: "ann", name: "Ann" }], 5);
      const first = await store.findOrCreate("development", ["new", "ann", "new"], 7);
      expect(first.map(({ person }) => person)).toEqual([nobody("new", 7), { ...nobody("ann", 5), name: "Ann" }, nobody("new", 7)]);
      expect(await store.findOrCreate("development", ["new"], 9)).toEqual([
        { person: nobody("new", 7), choices: [], quietHours: undefined },
      ]);
    });

    it("answers a thousand people at once", async () => {
      const store = await open();
      const ids = Array.from({ length: 1_000 }, (_, n) => `person-${n}`);
      expect((await store.findOrCreate("development", ids, 5)).map(({ person }) => person.userId)).toEqual(ids);
      expect((await store.findOrCreate("development", ids, 6)).every(({ person }) => person.createdAtMs === 5)).toBe(true);
    });

    it("takes ids in any script and with any character", async () => {
      const store = await open();
      const ids = ['o"brien', "Łukasz", "😀", "a'b", "[1]", "%_", "a\u0000b", "a"];
      expect((await store.findOrCreate("development", ids, 5)).map(({ person }) => person.userId)).toEqual(ids);
      expect((await store.find("development", ids)).map((known) => known?.person.userId)).toEqual(ids);
    });

    it("keeps one choice a category, ordered by category, and creates the person if unknown", async () => {
      const store = await open();
      const choose = (category: string, muted: boolean, channels: Channel[]) =>
        store.choose("development", [{ userId: "ann", choice: { category, muted, mutedUntilMs: 0, channels } }], 500, 5);
      await choose("posts", true, []);
      await choose("*", false, [Channel.WEB]);
      await choose("posts", false, [Channel.WEB, Channel.EMAIL]);
      expect(await store.find("development", ["ann"])).toEqual([
        {
          person: nobody("ann", 5),
          choices: [
            { category: "*", muted: false, mutedUntilMs: 0, channels: [Channel.WEB] },
            { category: "posts", muted: false, mutedUntilMs: 0, channels: [Channel.WEB, Channel.EMAIL] },
          ],
          quietHours: undefined,
        },
      ]);
    });

    it("refuses a choice beyond the most that are kept, but still changes those that are there", async () => {
      const store = await open();
      const choice = (category: string, muted: boolean) => ({ userId: "ann", choice: { category, muted, mutedUntilMs: 0, channels: [] } });
      const answers = await store.choose(
        "development",
        [choice("a", true), choice("b", true), choice("c", true), choice("a", false)],
        2,
        5,
      );
      expect(answers).toEqual([true, true, false, true]);
      const [ann] = await store.find("development", ["ann"]);
      expect(ann?.choices.map(({ category, muted }) => [category, muted])).toEqual([
        ["a", false],
        ["b", true],
      ]);
    });

    it("keeps quiet hours with the zone they count in, changes and removes them, and creates the person if unknown", async () => {
      const store = await open();
      const hours = { start: "22:00", end: "07:00", days: [1, 5] };
      const known = async () => (await store.find("development", ["ann"]))[0];
      await store.setQuietHours("development", { userId: "ann", hours, timeZone: "Europe/Vienna" }, 5);
      expect(await known()).toEqual({ person: { ...nobody("ann", 5), timeZone: "Europe/Vienna" }, choices: [], quietHours: hours });
      await store.setQuietHours("development", { userId: "ann", hours: { ...hours, days: [] }, timeZone: undefined }, 6);
      expect(await known()).toMatchObject({ person: { timeZone: "Europe/Vienna", updatedAtMs: 6 }, quietHours: { ...hours, days: [] } });
      await store.setQuietHours("development", { userId: "ann", hours: undefined, timeZone: undefined }, 7);
      expect(await known()).toMatchObject({ person: { timeZone: "Europe/Vienna" }, quietHours: undefined });
      await store.setQuietHours("development", { userId: "ann", hours: undefined, timeZone: undefined }, 8);
      expect((await known())?.person.updatedAtMs).toBe(7);
      expect(await store.find("production", ["ann"])).toEqual([undefined]);
    });

    it("keeps a mute's end with the choice, and the next choice replaces it", async () => {
      const store = await open();
      const choose = (mutedUntilMs: number) =>
        store.choose("development", [{ userId: "ann", choice: { category: "posts", muted: false, mutedUntilMs, channels: [] } }], 500, 5);
      const ends = async () => (await store.find("development", ["ann"]))[0]?.choices.map(({ mutedUntilMs }) => mutedUntilMs);
      await choose(1_800_000_000_123);
      expect(await ends()).toEqual([1_800_000_000_123]);
      await choose(0);
      expect(await ends()).toEqual([0]);
    });

    it("erases a person with their choices, who is a new one afterwards, and nobody else", async () => {
      const store = await open();
      const choice = { category: "posts", muted: true, mutedUntilMs: 0, channels: [] };
      for (const userId of ["ann", "bo"]) {
        await store.upsert("development", [{ userId, name: userId, timeZone: "UTC" }], 5);
        await store.choose("development", [{ userId, choice }], 500, 5);
      }
      await store.upsert("staging", [{ userId: "ann" }], 5);
      expect(await store.erase("development", "ann", 9)).toBe(9);
      expect(await store.find("development", ["ann"])).toEqual([undefined]);
      expect((await store.find("development", ["bo"]))[0]?.choices).toHaveLength(1);
      expect(await store.find("staging", ["ann"])).toHaveLength(1);
      expect(await store.findOrCreate("development", ["ann"], 10)).toEqual([
        { person: nobody("ann", 10), choices: [], quietHours: undefined },
      ]);
      expect(await store.erase("development", "nobody", 9)).toBe(9);
    });

    it("keeps what is to be deleted of whom until it is done, and erases again later than before", async () => {
      const store = await open();
      expect(await store.erase("development", "ann", 9)).toBe(9);
      expect(await store.erase("development", "ann", 9)).toBe(10);
      expect(await store.erase("development", "bo", 20)).toBe(20);
      const ann = { environment: "development", userId: "ann", atMs: 10 };
      expect(await store.erasures(20, 9)).toEqual([ann]);
      expect(await store.erasures(21, 1)).toHaveLength(1);
      await store.finishErasure({ ...ann, atMs: 9 });
      expect(await store.erasures(20, 9)).toEqual([ann]);
      await store.finishErasure(ann);
      expect(await store.erasures(20, 9)).toEqual([]);
    });

    it("takes along, at the end of an erasure, a person who was made in its midst of nothing but an id", async () => {
      const store = await open();
      const erasure = { environment: "development", userId: "ann", atMs: await store.erase("development", "ann", 9) };
      await store.findOrCreate("development", ["ann", "bo"], 10);
      await store.finishErasure(erasure);
      expect((await store.find("development", ["ann", "bo"])).map((known) => known?.person.userId)).toEqual([undefined, "bo"]);
      const known = [{ name: "Ann" }, { email: "a@example.test" }, { timeZone: "UTC" }];
      for (const more of known) {
        await store.upsert("development", [{ userId: "bo", ...more }], 10);
        await store.finishErasure({ ...erasure, userId: "bo" });
        expect(await store.find("development", ["bo"])).toHaveLength(1);
        await store.upsert("development", [{ userId: "bo", name: "", email: "" }], 10);
      }
      await store.choose("development", [{ userId: "cy", choice: { category: "x", muted: true, mutedUntilMs: 0, channels: [] } }], 9, 9);
      await store.finishErasure({ ...erasure, userId: "cy" });
      expect((await store.find("development", ["cy"]))[0]?.choices).toHaveLength(1);
    });

    it("keeps environments apart", async () => {
      const store = await open();
      await store.upsert("development", [{ userId: "ann", name: "Ann" }], 5);
      await store.choose(
        "development",
        [{ userId: "ann", choice: { category: "posts", muted: true, mutedUntilMs: 0, channels: [] } }],
        500,
        5,
      );
      expect(await store.find("production", ["ann"])).toEqual([undefined]);
      expect(await store.findOrCreate("production", ["ann"], 8)).toEqual([
        { person: nobody("ann", 8), choices: [], quietHours: undefined },
      ]);
    });
  });
}
