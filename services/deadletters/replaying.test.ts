import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { DeadLettersService, type Replay, ReplayAction, ReplayState } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { DAY_MS, type LetterTrial, letterTrial } from "./letters.fixture.ts";

const { WAITING, RUNNING, DONE, CANCELED } = ReplayState;

describe("a replay of what a filter finds", () => {
  let here: LetterTrial;
  beforeEach(async () => {
    here = await letterTrial();
  });
  afterEach(() => here.end());

  const died = async (count: number, userId = "ann", more = {}) => {
    for (let at = 0; at < count; at++) {
      const value = here.delivery({ deliveryId: uuidv5(`${userId} ${at}`), userId, ...more });
      await here.bury(topics.email.medium, { key: `development/${userId}`, value }, "attempts_exhausted");
    }
  };
  const begun = async (request: Parameters<LetterTrial["letters"]["createReplay"]>[0] = { filter: {} }) => {
    await here.at.clock.advance(1);
    const { replay } = await here.letters.createReplay(request);
    return replay?.id as string;
  };
  const now = async (id: string) => (await here.letters.getReplay({ id })).replay as Replay;
  /** Moves time on until the replay stands so. */
  const until = (id: string, state: ReplayState) =>
    vi.waitFor(async () => {
      await here.at.clock.advance(100);
      const replay = await now(id);
      expect(replay.state).toBe(state);
      return replay;
    }, 10_000);

  it("puts all that it finds back on its way, at its rate, and tells how far it is", async () => {
    await died(5);
    const id = await begun({ filter: { userId: "ann" }, ratePerSecond: 2 });
    expect(await now(id)).toMatchObject({ state: WAITING, matched: 0n, ratePerSecond: 2, action: ReplayAction.REPLAY });
    const createdMs = here.at.clock.nowMs();
    here.work();
    await vi.waitFor(async () => expect(await now(id)).toMatchObject({ state: RUNNING, matched: 5n, replayed: 2n }));
    await vi.waitFor(async () => {
      if ((await here.cycles()).length < 4) await here.at.clock.advance(250);
      expect(await now(id)).toMatchObject({ replayed: 4n });
    });
    expect(here.at.clock.nowMs() - createdMs).toBeGreaterThanOrEqual(1_000);
    const replay = await until(id, DONE);
    expect(replay).toMatchObject({ matched: 5n, replayed: 5n, gone: 0n, refused: {}, discarded: 0n, trouble: "" });
    expect(Number(replay.endedAtMs) - createdMs).toBeGreaterThanOrEqual(2_500);
    expect(await here.cycles()).toEqual([2, 2, 2, 2, 2]);
    expect((await here.letters.listDeadLetters({})).deadLetters).toEqual([]);
  });

  it("counts by reason what must not be sent any more, and leaves it; what dies later is not its own", async () => {
    await died(1, "ann");
    await died(2, "bo");
    await here.people.setCategoryPreference({ userId: "bo", preference: { category: "offers", muted: true } });
    const id = await begun();
    await died(1, "cy");
    here.work();
    expect(await until(id, DONE)).toMatchObject({ matched: 3n, replayed: 1n, refused: { category_muted: 2n } });
    expect((await here.letters.listDeadLetters({})).deadLetters.map(({ userId }) => userId)).toEqual(["cy", "bo", "bo"]);
  });

  it("discards where that is asked for", async () => {
    await died(3);
    const id = await begun({ filter: {}, action: ReplayAction.DISCARD });
    here.work();
    expect(await until(id, DONE)).toMatchObject({ matched: 3n, discarded: 3n, replayed: 0n, action: ReplayAction.DISCARD });
    expect(await here.cycles()).toEqual([]);
  });

  it("goes on in another process when the one that had it is gone, and counts nothing twice", async () => {
    await died(4);
    const id = await begun({ filter: {}, ratePerSecond: 1 });
    const { clock } = here.at;
    // Taken by a process of which nothing is heard again, which had put the first back but not written it down.
    const replay = await here.store.takeReplay("dead", clock.nowMs(), clock.nowMs() + 30_000);
    expect(replay?.id).toBe(id);
    const [first] = (await here.letters.listDeadLetters({})).deadLetters.slice(-1);
    await here.letters.replayDeadLetters({ ids: [first?.id as string] });
    here.work();
    await clock.advance(29_000);
    expect((await now(id)).matched).toBe(0n);
    expect(await until(id, DONE)).toMatchObject({ matched: 3n, replayed: 3n });
    expect((await here.cycles()).length).toBe(4);
  });

  it("is given back by a process that drains, so that another goes on at once", async () => {
    await died(3);
    const id = await begun({ filter: {}, ratePerSecond: 1 });
    const end = here.work("w-1");
    await vi.waitFor(async () => expect((await now(id)).replayed).toBe(1n));
    await end();
    const beforeMs = here.at.clock.nowMs();
    here.work("w-2");
    expect(await until(id, DONE)).toMatchObject({ replayed: 3n });
    expect(here.at.clock.nowMs() - beforeMs).toBeLessThan(30_000);
  });

  it("about the same letters as another waits for it, and finds nothing left", async () => {
    await died(3);
    const first = await begun({ filter: { queue: "dlq-email" }, ratePerSecond: 1 });
    const second = await begun();
    here.work("w-1");
    here.work("w-2");
    await vi.waitFor(async () => expect((await now(first)).state).toBe(RUNNING));
    expect((await now(second)).state).toBe(WAITING);
    expect(await until(first, DONE)).toMatchObject({ replayed: 3n });
    expect(await until(second, DONE)).toMatchObject({ matched: 0n, replayed: 0n });
    expect((await here.cycles()).length).toBe(3);
  });

  it("is canceled: what it did stays done, and the next has its turn", async () => {
    await died(5);
    const id = await begun({ filter: {}, ratePerSecond: 1 });
    const next = await begun();
    here.work();
    await vi.waitFor(async () => expect((await now(id)).replayed).toBe(1n));
    expect((await here.letters.cancelReplay({ id })).replay).toMatchObject({ state: CANCELED, replayed: 1n });
    expect(await until(next, DONE)).toMatchObject({ matched: 4n, replayed: 4n });
    expect(await now(id)).toMatchObject({ state: CANCELED });
    expect((await here.letters.cancelReplay({ id: next })).replay?.state).toBe(DONE);
  });

  it("goes past letters that are forgotten or settled meanwhile, and accounts for them", async () => {
    await died(4);
    const id = await begun({ filter: {}, ratePerSecond: 1 });
    here.work();
    await vi.waitFor(async () => expect(await now(id)).toMatchObject({ matched: 4n, replayed: 1n }));
    const [last] = (await here.letters.listDeadLetters({})).deadLetters;
    await here.store.sweep(Number(last?.diedAtMs), 10);
    expect(await until(id, DONE)).toMatchObject({ matched: 4n, replayed: 2n, gone: 2n });
  });

  it("waits for a log that takes nothing, says so, and goes on by itself", async () => {
    await died(2);
    here.log.append = () => Promise.reject(new Error("disk full"));
    const id = await begun();
    here.work();
    await vi.waitFor(async () => expect(await now(id)).toMatchObject({ state: RUNNING, trouble: "LOG_UNAVAILABLE", replayed: 0n }));
    expect(await here.at.metric("carillon_replays_troubled")).toEqual({ "": 1 });
    here.log.append = here.at.log.append;
    expect(await until(id, DONE)).toMatchObject({ replayed: 2n, trouble: "" });
    expect(await here.at.metric("carillon_replays_troubled")).toEqual({ "": 0 });
    expect(await here.at.metric("carillon_dead_letters_settled_total")).toMatchObject({ replayed: 2 });
  });

  it("is counted as unattended while no process is at it", async () => {
    await died(2);
    const id = await begun({ filter: {}, ratePerSecond: 1 });
    const counted = () => here.at.metric("carillon_replays_unattended");
    const end = here.work();
    await vi.waitFor(async () => expect((await now(id)).replayed).toBe(1n));
    await begun();
    expect(await counted()).toEqual({ "": 0 });
    await end();
    expect(await counted()).toEqual({ "": 2 });
    here.work();
    await until(id, DONE);
    await vi.waitFor(async () => expect(await counted()).toEqual({ "": 0 }));
  });

  it("with the same key is the same replay, and with another request refused", async () => {
    const request = { filter: { userId: "ann" }, idempotencyKey: "k" };
    const id = await begun(request);
    await here.at.clock.advance(1_000);
    expect(await begun(request)).toBe(id);
    const other = await here.letters.createReplay({ ...request, ratePerSecond: 7 }).catch(problemFrom);
    expect(other).toMatchObject({ reason: "IDEMPOTENCY_KEY_REUSED" });
    expect((await here.letters.listReplays({})).replays.map((each) => each.id)).toEqual([id]);
  });

  it("is one of at most twenty that have not ended", async () => {
    for (let at = 0; at < 20; at++) await begun();
    expect(await here.letters.createReplay({ filter: {} }).catch(problemFrom)).toMatchObject({
      reason: "TOO_MANY_REPLAYS",
      retryAfterMs: 60_000,
    });
    const other = here.clients(DeadLettersService, "production");
    expect((await other.createReplay({ filter: {} })).replay).toMatchObject({ state: WAITING });
  });

  it("is listed newest first, page by page, and is nobody else's", async () => {
    const ids: string[] = [];
    for (let at = 0; at < 3; at++) {
      ids.unshift(await begun());
    }
    const first = await here.letters.listReplays({ pageSize: 2 });
    const rest = await here.letters.listReplays({ pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.replays, ...rest.replays].map(({ id }) => id)).toEqual(ids);
    expect(rest.nextPageToken).toBe("");
    const other = here.clients(DeadLettersService, "production");
    expect((await other.listReplays({})).replays).toEqual([]);
    for (const call of [other.getReplay({ id: ids[0] as string }), other.cancelReplay({ id: ids[0] as string })])
      expect(await call.catch(problemFrom)).toMatchObject({ reason: "NOT_FOUND" });
  });

  it("is forgotten a while after it ended, and not before", async () => {
    const id = await begun();
    const nowMs = here.at.clock.nowMs();
    expect(await here.store.sweepReplays(nowMs + DAY_MS, 10)).toBe(0);
    await here.letters.cancelReplay({ id });
    expect(await here.store.sweepReplays(nowMs, 10)).toBe(0);
    expect(await here.store.sweepReplays(nowMs + 1, 10)).toBe(1);
    expect(await here.letters.getReplay({ id }).catch(problemFrom)).toMatchObject({ reason: "NOT_FOUND" });
  });

  it.each([
    ["a state", { filter: { state: 2 } }, "filter.state"],
    ["too high a rate", { ratePerSecond: 1_001 }, "rate_per_second"],
    ["an unknown action", { action: 9 }, "action"],
  ])("refuses %s with words", async (_what, request, words) => {
    const problem = problemFrom(await here.letters.createReplay(request as never).catch((error) => error));
    expect(problem.reason).toBe("INVALID_REQUEST");
    expect(JSON.stringify(problem.violations)).toContain(words);
  });
});
