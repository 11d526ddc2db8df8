/** What every DeadLetterStore holds to. `open` answers an empty store each time. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Channel, WaySchema } from "#gen/carillon/common/v1/common_pb.ts";
import type { DeadLetterStore, Filter, Letter } from "./store.ts";

const ENVIRONMENT = "development";
const START = { atMs: Number.MAX_SAFE_INTEGER, id: "" };
const kept: Filter = { state: "kept", queue: "", reason: "", notificationId: "", userId: "", fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

const letter = (id: string, more: Partial<Letter> = {}): Letter => ({
  ...{ environment: ENVIRONMENT, id, queue: "dlq-email", stage: "email-workers", reason: "attempts_exhausted", detail: "451 no" },
  ...{ diedAtMs: 100, topic: "email-notifications", notificationId: "n", deliveryId: "d", userId: "ann", channel: Channel.EMAIL, cycle: 1 },
  original: { key: "development/ann", value: new Uint8Array([0, 255]), headers: { traceparent: "t" } },
  writtenAtMs: 90,
  way: create(WaySchema, { hops: [{ topic: "email-notifications", stage: "email-workers", atMs: 100n, reason: "attempts_exhausted" }] }),
  ...more,
});

const idsOf = async (store: DeadLetterStore, filter: Partial<Filter> = {}, after = START, limit = 50) =>
  (await store.list(ENVIRONMENT, { ...kept, ...filter }, after, limit)).map(({ id }) => id);

export function deadLetterStoreSuite(name: string, open: () => Promise<DeadLetterStore>): void {
  describe(`${name} as a store of dead letters`, () => {
    it("keeps a letter whole, and the first of two with one id", async () => {
      const store = await open();
      await store.keep([letter("a"), letter("a", { detail: "again" })]);
      await store.keep([letter("a", { detail: "once more" })]);
      await store.keep([]);
      expect(await store.find(ENVIRONMENT, ["b", "a"])).toEqual([undefined, { ...letter("a"), state: "kept", settledAtMs: 0 }]);
    });

    it("lists the newest first, page by page, without opening them", async () => {
      const store = await open();
      await store.keep([letter("b"), letter("a"), letter("d", { diedAtMs: 300 }), letter("c", { diedAtMs: 200 })]);
      expect(await idsOf(store)).toEqual(["d", "c", "b", "a"]);
      expect(await idsOf(store, {}, { atMs: 200, id: "c" }, 1)).toEqual(["b"]);
      expect(await idsOf(store, {}, { atMs: 100, id: "b" })).toEqual(["a"]);
      const [first] = await store.list(ENVIRONMENT, kept, START, 1);
      const { environment: _, original: __, writtenAtMs: ___, way: ____, ...summary } = letter("d", { diedAtMs: 300 });
      expect(first).toEqual({ ...summary, state: "kept", settledAtMs: 0 });
    });

    it("lists from the other end too", async () => {
      const store = await open();
      await store.keep([letter("b"), letter("a"), letter("c", { diedAtMs: 50 })]);
      const beginning = { atMs: -1, id: "" };
      expect((await store.oldest(ENVIRONMENT, kept, beginning, 2)).map(({ id }) => id)).toEqual(["c", "a"]);
      expect(await store.oldest(ENVIRONMENT, kept, { atMs: 100, id: "a" }, 2)).toEqual([{ atMs: 100, id: "b", bytes: 2 }]);
    });

    it("narrows by every field of the filter", async () => {
      const store = await open();
      const others = [
        letter("queue", { queue: "dlq-web" }),
        letter("reason", { reason: "invalid" }),
        letter("notification", { notificationId: "other" }),
        letter("person", { userId: "bo" }),
        letter("early", { diedAtMs: 10 }),
        letter("late", { diedAtMs: 1_000 }),
      ];
      await store.keep([letter("a"), ...others]);
      expect(await idsOf(store, { queue: "dlq-web" })).toEqual(["queue"]);
      expect(await idsOf(store, { reason: "invalid" })).toEqual(["reason"]);
      expect(await idsOf(store, { notificationId: "other" })).toEqual(["notification"]);
      expect(await idsOf(store, { userId: "bo" })).toEqual(["person"]);
      expect(await idsOf(store, { toMs: 100 })).toEqual(["early"]);
      expect(await idsOf(store, { fromMs: 101 })).toEqual(["late"]);
      expect(await idsOf(store, { userId: "ann", reason: "attempts_exhausted", queue: "dlq-email", fromMs: 100, toMs: 101 })).toEqual([
        "notification",
        "a",
      ]);
      const oldest = await store.oldest(ENVIRONMENT, { ...kept, userId: "bo" }, { atMs: -1, id: "" }, 9);
      expect(oldest).toEqual([{ atMs: 100, id: "person", bytes: 2 }]);
    });

    it("settles what is kept, once, also when two ask at the same time", async () => {
      const store = await open();
      await store.keep([letter("a"), letter("b")]);
      const both = await Promise.all([
        store.settle(ENVIRONMENT, ["a", "nothing"], "replayed", 500),
        store.settle(ENVIRONMENT, ["a", "b"], "discarded", 600),
      ]);
      expect(both.flat().sort()).toEqual(["a", "b"]);
      expect(await store.settle(ENVIRONMENT, ["a", "b"], "replayed", 700)).toEqual([]);
      expect(await idsOf(store)).toEqual([]);
      expect(await idsOf(store, { state: "replayed" })).toEqual(["a"]);
      expect(await store.find(ENVIRONMENT, ["b"])).toMatchObject([{ state: "discarded", settledAtMs: 600 }]);
      await store.keep([letter("a")]);
      expect(await store.find(ENVIRONMENT, ["a"])).toMatchObject([{ state: "replayed", settledAtMs: 500 }]);
    });

    it("keeps environments apart", async () => {
      const store = await open();
      await store.keep([letter("a"), letter("a", { environment: "production", userId: "bo" })]);
      expect(await idsOf(store, { userId: "bo" })).toEqual([]);
      expect(await store.settle("production", ["a"], "discarded", 1)).toEqual(["a"]);
      expect(await store.find(ENVIRONMENT, ["a"])).toMatchObject([{ userId: "ann", state: "kept" }]);
    });

    it("forgets the oldest, so many at a time", async () => {
      const store = await open();
      await store.keep([letter("a", { diedAtMs: 10 }), letter("b", { diedAtMs: 20 }), letter("c", { diedAtMs: 30 })]);
      expect(await store.sweep(30, 1)).toBe(1);
      expect(await idsOf(store)).toEqual(["c", "b"]);
      expect(await store.sweep(30, 10)).toBe(1);
      expect(await store.sweep(30, 10)).toBe(0);
      expect(await idsOf(store)).toEqual(["c"]);
    });
  });
}
