/** What every HistoryStore holds to. `open` answers an empty store each time. */
import { describe, expect, it } from "vitest";
import type { Sweepable } from "#platform/sweep.ts";
import type { HistoryStore, Listing, RecordedEvent } from "./store.ts";

const text = new TextEncoder();
const END = { acceptedAtMs: Number.MAX_SAFE_INTEGER, notificationId: "" };

const event = (notificationId: string, eventId: string, more: Partial<RecordedEvent> = {}): RecordedEvent => ({
  environment: "development",
  notificationId,
  eventId,
  atMs: 100,
  event: text.encode(`${notificationId} ${eventId}`),
  ...more,
});

const asked = (notificationId: string, acceptedAtMs: number, ...userIds: string[]) =>
  event(notificationId, "asked", { asked: { acceptedAtMs, sendAtMs: 0, userIds } });

const listing = (more: Partial<Listing> = {}): Listing => ({ environment: "development", fromMs: 0, after: END, limit: 50, ...more });

async function words(store: HistoryStore, ...ids: string[]): Promise<string[][]> {
  const found = await store.eventsOf("development", ids);
  return found.map((events) => events.map((bytes) => new TextDecoder().decode(bytes)).sort());
}

const idsOf = async (store: HistoryStore, more: Partial<Listing> = {}) =>
  (await store.list(listing(more))).map(({ notificationId }) => notificationId);

export function historyStoreSuite(name: string, open: () => Promise<HistoryStore>): void {
  describe(`${name} as a history store`, () => {
    it("answers the events of each notification asked for, in the order asked for", async () => {
      const store = await open();
      await store.record([event("a", "1"), event("b", "1"), event("a", "2")]);
      await store.record([event("b", "2")]);
      expect(await words(store, "b", "nothing", "a")).toEqual([["b 1", "b 2"], [], ["a 1", "a 2"]]);
    });

    it("keeps one of the events with one id, in one batch or in two", async () => {
      const store = await open();
      const again = { event: text.encode("again") };
      await store.record([event("a", "1"), event("a", "1", again), event("a", "2")]);
      await store.record([event("a", "1", again), event("a", "2")]);
      const [kept] = await words(store, "a");
      expect(kept).toHaveLength(2);
      expect(kept).toContain("a 2");
      expect(["a 1", "again"]).toContain(kept?.find((each) => each !== "a 2"));
    });

    it("deletes and rewrites events of a notification, and takes it out of a person's list", async () => {
      const store = await open();
      await store.record([asked("a", 5_000, "ann", "bo"), event("a", "1"), event("a", "2"), asked("b", 6_000, "ann")]);
      const redaction = { environment: "development", notificationId: "a", userId: "ann", acceptedAtMs: 5_000, others: ["bo"] };
      const rewritten = [{ eventId: "asked", event: text.encode("without") }];
      for (let times = 0; times < 2; times++) await store.redact([{ ...redaction, isEmpty: false, gone: ["1", "none"], rewritten }]);
      expect(await words(store, "a", "b")).toEqual([["a 2", "without"], ["b asked"]]);
      expect(await idsOf(store, { userId: "ann" })).toEqual(["b"]);
      expect(await idsOf(store, { userId: "bo" })).toEqual(["a"]);
      expect(await idsOf(store)).toEqual(["b", "a"]);
    });

    it("deletes a notification whole", async () => {
      const store = await open();
      await store.record([asked("a", 5_000, "ann"), event("a", "1"), asked("b", 5_000, "ann")]);
      const redaction = { environment: "development", notificationId: "a", userId: "ann", acceptedAtMs: 5_000, others: [] };
      await store.redact([{ ...redaction, isEmpty: true, gone: ["asked", "1"], rewritten: [] }]);
      expect(await words(store, "a", "b")).toEqual([[], ["b asked"]]);
      expect([await idsOf(store), await idsOf(store, { userId: "ann" })]).toEqual([["b"], ["b"]]);
      await store.redact([{ ...redaction, notificationId: "unknown", acceptedAtMs: undefined, isEmpty: true, gone: [], rewritten: [] }]);
      // What was gone by the time that it was rewritten does not come back.
      const rewritten = [{ eventId: "asked", event: text.encode("without") }];
      await store.redact([{ ...redaction, userId: "bo", others: ["ann"], isEmpty: false, gone: [], rewritten }]);
      expect(await words(store, "a")).toEqual([[]]);
    });

    it("keeps bytes as they are", async () => {
      const store = await open();
      const bytes = Uint8Array.from({ length: 100_000 }, (_, n) => n % 256);
      const view = new Uint8Array(bytes.buffer, 1, 70_000);
      await store.record([event("a", "1", { event: view }), event("a", "2", { event: new Uint8Array() })]);
      const [found = []] = await store.eventsOf("development", ["a"]);
      expect([...found].sort((one, other) => one.length - other.length).map((each) => [...each])).toEqual([[], [...view]]);
      expect(bytes[1]).toBe(1);
    });

    it("lists the newest first, by the time of acceptance and then by id", async () => {
      const store = await open();
      await store.record([asked("b", 10), asked("a", 20), asked("d", 10), asked("c", 10)]);
      expect(await store.list(listing())).toEqual([
        { acceptedAtMs: 20, notificationId: "a" },
        { acceptedAtMs: 10, notificationId: "d" },
        { acceptedAtMs: 10, notificationId: "c" },
        { acceptedAtMs: 10, notificationId: "b" },
      ]);
    });

    it("lists a notification only from the event with the request on, whatever came before it", async () => {
      const store = await open();
      await store.record([event("a", "1", { atMs: 500 })]);
      expect(await idsOf(store)).toEqual([]);
      await store.record([event("a", "2"), asked("a", 20, "ann")]);
      expect(await store.list(listing({ userId: "ann" }))).toEqual([{ acceptedAtMs: 20, notificationId: "a" }]);
      expect(await store.list(listing())).toEqual([{ acceptedAtMs: 20, notificationId: "a" }]);
    });

    it("lists a notification once, however often its request comes", async () => {
      const store = await open();
      await store.record([asked("a", 20, "ann", "bo"), asked("a", 20, "ann", "bo")]);
      await store.record([asked("a", 20, "ann", "bo")]);
      expect(await idsOf(store)).toEqual(["a"]);
      expect(await idsOf(store, { userId: "bo" })).toEqual(["a"]);
    });

    it("lists those of one person", async () => {
      const store = await open();
      await store.record([asked("a", 10, "ann"), asked("b", 20, "bo"), asked("c", 30, "bo", "ann"), asked("d", 40)]);
      expect(await idsOf(store, { userId: "ann" })).toEqual(["c", "a"]);
      expect(await idsOf(store, { userId: "nobody" })).toEqual([]);
    });

    it.each([undefined, "ann"])("goes on after a place without a gap or a repeat (user %s)", async (userId) => {
      const store = await open();
      const ids = Array.from({ length: 25 }, (_, n) => `id-${String(n).padStart(2, "0")}`);
      await store.record(ids.map((id, n) => asked(id, 100 + Math.floor(n / 7), "ann")));
      const seen: string[] = [];
      for (let after: Listing["after"] | undefined = END; after; ) {
        const page: Awaited<ReturnType<HistoryStore["list"]>> = await store.list(listing({ after, limit: 4, userId }));
        seen.push(...page.map(({ notificationId }) => notificationId));
        after = page.at(-1);
      }
      expect(seen).toEqual(ids.toReversed());
    });

    it.each([undefined, "ann"])("lists from a time on, and before another (user %s)", async (userId) => {
      const store = await open();
      await store.record([asked("a", 10, "ann"), asked("b", 20, "ann"), asked("c", 30, "ann")]);
      expect(await idsOf(store, { userId, fromMs: 20 })).toEqual(["c", "b"]);
      expect(await idsOf(store, { userId, after: { acceptedAtMs: 30, notificationId: "" } })).toEqual(["b", "a"]);
    });

    it("keeps environments apart, also where their ids are the same", async () => {
      const store = await open();
      const there = { environment: "production", event: text.encode("there") };
      await store.record([asked("a", 10, "ann"), { ...asked("a", 99, "ann"), ...there }]);
      expect(await words(store, "a")).toEqual([["a asked"]]);
      expect(await store.list(listing({ userId: "ann" }))).toEqual([{ acceptedAtMs: 10, notificationId: "a" }]);
      expect(await store.list(listing({ environment: "production" }))).toEqual([{ acceptedAtMs: 99, notificationId: "a" }]);
      expect(await store.eventsOf("staging", ["a"])).toEqual([[]]);
    });
  });
}

/** Of those that forget when they are told to; where rows end by themselves there is nothing to call. */
export function sweptHistoryStoreSuite(name: string, open: () => Promise<HistoryStore & Sweepable>): void {
  describe(`${name} as a history store that is swept`, () => {
    it("forgets what was accepted before a time, in every environment, and nothing else", async () => {
      const store = await open();
      const there = { environment: "production" };
      await store.record([
        asked("a", 10, "ann"),
        event("a", "1"),
        { ...asked("p", 15, "ann"), ...there },
        event("lost", "1", { atMs: 19 }),
      ]);
      await store.record([asked("b", 20, "ann"), event("b", "1")]);
      expect(await store.sweep(20, 1_000)).toBeGreaterThan(0);
      expect(await store.sweep(20, 1_000)).toBe(0);
      expect(await words(store, "a", "b", "lost")).toEqual([[], ["b 1", "b asked"], []]);
      expect(await idsOf(store)).toEqual(["b"]);
      expect(await idsOf(store, { userId: "ann" })).toEqual(["b"]);
      expect(await idsOf(store, { ...there, userId: "ann" })).toEqual([]);
    });

    it("keeps what is still to be sent, however long ago it was accepted", async () => {
      const store = await open();
      const parked = event("parked", "asked", { asked: { acceptedAtMs: 10, sendAtMs: 50, userIds: ["ann"] } });
      await store.record([event("parked", "1", { atMs: 9 })]);
      await store.record([parked, asked("other", 10, "ann")]);
      await store.sweep(50, 1_000);
      expect(await words(store, "parked", "other")).toEqual([["parked 1", "parked asked"], []]);
      expect(await idsOf(store, { userId: "ann" })).toEqual(["parked"]);
      await store.sweep(51, 1_000);
      expect(await words(store, "parked")).toEqual([[]]);
    });

    it("forgets in bites, the oldest first", async () => {
      const store = await open();
      await store.record([
        asked("old", 10, "ann"),
        asked("older", 5, "ann"),
        ...Array.from({ length: 30 }, (_, n) => event("old", `${n}`)),
      ]);
      expect(await store.sweep(20, 4)).toBeLessThanOrEqual(5);
      expect(await words(store, "older")).toEqual([[]]);
      for (let bites = 1; (await store.sweep(20, 4)) > 0; bites++) expect(bites).toBeLessThan(20);
      expect(await words(store, "old")).toEqual([[]]);
      expect(await idsOf(store)).toEqual([]);
    });
  });
}
