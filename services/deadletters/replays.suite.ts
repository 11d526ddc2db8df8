/** What every DeadLetterStore holds to of replays. `open` answers an empty store each time, and another that shares it, as a second process has. */
import { describe, expect, it } from "vitest";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { NEWEST, OLDEST } from "#platform/page.ts";
import { OPEN_AT_MOST, type Replay, type Stretch, unbegun } from "./replays.ts";
import type { DeadLetterStore, Filter, Letter } from "./store.ts";

const ENVIRONMENT = "development";
const filter: Filter = { state: "kept", queue: "", reason: "", notificationId: "", userId: "", fromMs: 0, toMs: 1_000 };

const replay = (id: string, more: Partial<Replay> = {}): Replay => ({
  ...{ environment: ENVIRONMENT, id, createdAtMs: 100, state: "waiting", endedAtMs: 0 },
  asked: { action: "replay", filter, ratePerSecond: 50 },
  progress: { ...unbegun, place: OLDEST },
  ...more,
});

const letter = (id: string): Letter => ({
  ...{ environment: ENVIRONMENT, id, queue: "dlq-email", stage: "email-workers", reason: "attempts_exhausted", detail: "451 no" },
  ...{ diedAtMs: 100, topic: "email-notifications", notificationId: "n", deliveryId: "d", userId: "ann", channel: Channel.EMAIL, cycle: 1 },
  ...{ original: { key: "k", value: new Uint8Array([1]), headers: {} }, writtenAtMs: 0, way: undefined },
});

const stretch = (more: Partial<Stretch> = {}): Stretch => ({
  ...{ progress: { ...unbegun, startedAtMs: 150, matched: 3, place: OLDEST }, settles: [], state: "running", nowMs: 200, heldUntilMs: 300 },
  ...more,
});

type Opened = { readonly store: DeadLetterStore; readonly other: DeadLetterStore };

export function replaysSuite(name: string, open: () => Promise<Opened>): void {
  describe(`${name} as a store of replays`, () => {
    it("keeps what was asked and how far it is, and answers one that is there already as it is", async () => {
      const { store, other } = await open();
      expect(await store.createReplay(replay("a"))).toEqual(replay("a"));
      expect(await other.createReplay(replay("a", { createdAtMs: 999 }))).toEqual(replay("a"));
      expect(await other.findReplay(ENVIRONMENT, "a")).toEqual(replay("a"));
      expect(await store.findReplay("production", "a")).toBeUndefined();
    });

    it("takes so many of an environment that have not ended", async () => {
      const { store } = await open();
      for (let at = 0; at < OPEN_AT_MOST; at++) await store.createReplay(replay(`r-${at}`));
      expect(await store.createReplay(replay("more"))).toBeUndefined();
      expect(await store.createReplay(replay("r-0"))).toEqual(replay("r-0"));
      expect(await store.createReplay(replay("more", { environment: "production" }))).toBeDefined();
      await store.cancelReplay(ENVIRONMENT, "r-0", 500);
      expect(await store.createReplay(replay("more"))).toEqual(replay("more"));
    });

    it("lists the newest first, page by page", async () => {
      const { store } = await open();
      for (const [id, createdAtMs] of [
        ["a", 100],
        ["b", 100],
        ["c", 50],
      ] as const)
        await store.createReplay(replay(id, { createdAtMs }));
      await store.createReplay(replay("z", { environment: "production" }));
      expect((await store.listReplays(ENVIRONMENT, NEWEST, 9)).map(({ id }) => id)).toEqual(["b", "a", "c"]);
      expect((await store.listReplays(ENVIRONMENT, { atMs: 100, id: "b" }, 1)).map(({ id }) => id)).toEqual(["a"]);
    });

    it("gives one to one of several that ask at the same time, and to the next when its time is over", async () => {
      const { store, other } = await open();
      await store.createReplay(replay("a"));
      const asked = await Promise.all([store, other, store, other].map((each, at) => each.takeReplay(`w-${at}`, 200, 300)));
      expect(asked.filter((each) => each !== undefined)).toMatchObject([{ id: "a", state: "running" }]);
      expect(await other.takeReplay("late", 299, 400)).toBeUndefined();
      expect(await other.takeReplay("late", 300, 400)).toMatchObject({ id: "a" });
    });

    it("gives the next of the same queue only when the one before has ended", async () => {
      const { store, other } = await open();
      await store.createReplay(replay("a"));
      await store.createReplay(replay("b", { createdAtMs: 101 }));
      expect(await store.takeReplay("w", 200, 300)).toMatchObject({ id: "a" });
      expect(await other.takeReplay("v", 200, 300)).toBeUndefined();
      expect(await store.advanceReplay(replay("a"), "w", stretch({ state: "done" }))).toMatchObject({ state: "done", endedAtMs: 200 });
      expect(await other.takeReplay("v", 200, 300)).toMatchObject({ id: "b" });
    });

    it("gives one that has begun before one that came to be known later with an earlier time, and shows both until then", async () => {
      const { store, other } = await open();
      await store.createReplay(replay("begun"));
      await store.takeReplay("drains", 150, 250);
      await other.createReplay(replay("early", { createdAtMs: 50 }));
      await store.advanceReplay(replay("begun"), "drains", stretch({ heldUntilMs: 0 }));
      expect(await other.openReplays()).toMatchObject([
        { id: "early", state: "waiting", heldUntilMs: 0 },
        { id: "begun", state: "running", holder: "drains", heldUntilMs: 0 },
      ]);
      expect(await other.takeReplay("v", 200, 300)).toMatchObject({ id: "begun" });
      expect(await store.takeReplay("w", 200, 300)).toBeUndefined();
      await other.advanceReplay(replay("begun"), "v", stretch({ state: "done" }));
      expect(await store.takeReplay("w", 200, 300)).toMatchObject({ id: "early" });
      expect((await store.openReplays()).map(({ id }) => id)).toEqual(["early"]);
    });

    it("settles with a stretch what is kept still, and counts it, in one", async () => {
      const { store } = await open();
      await store.keep([letter("x"), letter("y"), letter("z")]);
      await store.settle(ENVIRONMENT, ["y"], "discarded", 150);
      await store.createReplay(replay("a"));
      await store.takeReplay("w", 150, 250);
      const next = await store.advanceReplay(replay("a"), "w", stretch({ settles: ["x", "y"] }));
      expect(next).toMatchObject({ state: "running", progress: { matched: 3, settled: 1, gone: 1 } });
      expect(await store.findReplay(ENVIRONMENT, "a")).toMatchObject({ progress: { settled: 1 } });
      const states = (await store.find(ENVIRONMENT, ["x", "y", "z"])).map((each) => each?.state);
      expect(states).toEqual(["replayed", "discarded", "kept"]);
    });

    it("one that discards discards", async () => {
      const { store } = await open();
      const discards = replay("a", { asked: { action: "discard", filter, ratePerSecond: 1 } });
      await store.keep([letter("x")]);
      await store.createReplay(discards);
      await store.takeReplay("w", 150, 250);
      await store.advanceReplay(discards, "w", stretch({ settles: ["x"] }));
      expect(await store.find(ENVIRONMENT, ["x"])).toMatchObject([{ state: "discarded", settledAtMs: 200 }]);
    });

    it("settles each letter once, and counts it once, for two that are at the same stretch, of which one has lost it", async () => {
      const { store, other } = await open();
      const ids = Array.from({ length: 50 }, (_, at) => `l-${at}`);
      await store.keep(ids.map(letter));
      await store.createReplay(replay("a"));
      await store.takeReplay("stalled", 100, 200);
      await other.takeReplay("next", 200, 300);
      const both = await Promise.all([
        store.advanceReplay(replay("a"), "stalled", stretch({ settles: ids })),
        other.advanceReplay(replay("a"), "next", stretch({ settles: ids })),
      ]);
      expect(both[0]).toBeUndefined();
      const { settled = 0, gone = 0 } = both[1]?.progress ?? {};
      expect(settled + gone).toBe(50);
      expect((await store.find(ENVIRONMENT, ids)).every((each) => each?.state === "replayed")).toBe(true);
    });

    it("a canceled one is nobody's, has ended once, and counts what was under way", async () => {
      const { store, other } = await open();
      await store.keep([letter("x")]);
      await store.createReplay(replay("a"));
      await store.takeReplay("w", 150, 250);
      expect(await other.cancelReplay(ENVIRONMENT, "a", 160)).toMatchObject({ state: "canceled", endedAtMs: 160 });
      expect(await other.cancelReplay(ENVIRONMENT, "a", 170)).toMatchObject({ endedAtMs: 160 });
      expect(await store.advanceReplay(replay("a"), "w", stretch({ settles: ["x"] }))).toMatchObject({ state: "canceled" });
      expect(await other.findReplay(ENVIRONMENT, "a")).toMatchObject({ state: "canceled", endedAtMs: 160, progress: { settled: 1 } });
      expect(await other.takeReplay("v", 900, 999)).toBeUndefined();
      expect(await other.cancelReplay(ENVIRONMENT, "nothing", 1)).toBeUndefined();
    });

    it("forgets those that ended before, so many at a time, and none that has not", async () => {
      const { store } = await open();
      for (const id of ["a", "b", "c", "open"]) await store.createReplay(replay(id));
      for (const [at, id] of ["a", "b", "c"].entries()) await store.cancelReplay(ENVIRONMENT, id, 200 + at);
      expect(await store.sweepReplays(202, 1)).toBe(1);
      expect(await store.sweepReplays(202, 9)).toBe(1);
      expect((await store.listReplays(ENVIRONMENT, NEWEST, 9)).map(({ id }) => id)).toEqual(["open", "c"]);
    });
  });
}
