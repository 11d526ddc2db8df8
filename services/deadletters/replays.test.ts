import { expect, it } from "vitest";
import { advanced, nextOf, type OpenReplay, type Stretch, unbegun } from "./replays.ts";

const filter = { state: "kept", queue: "", reason: "", notificationId: "", userId: "", fromMs: 0, toMs: 9 } as const;
const place = { atMs: -1, id: "" };
const open = (id: string, queue: string, more: Partial<OpenReplay> = {}): OpenReplay => ({
  ...{ environment: "development", id, createdAtMs: 1, state: "waiting", endedAtMs: 0, holder: "", heldUntilMs: 0 },
  asked: { action: "replay", filter: { ...filter, queue }, ratePerSecond: 50 },
  progress: { ...unbegun, place },
  ...more,
});
const held = { state: "running", holder: "w", heldUntilMs: 100 } as const;
const next = (...all: readonly OpenReplay[]) => nextOf(all, 50)?.id;

it("the one created first has its turn first", () => {
  expect(next()).toBeUndefined();
  expect(next(open("a", ""), open("b", ""))).toBe("a");
});

it.each([
  ["dlq-email", "dlq-email", undefined],
  ["", "dlq-email", undefined],
  ["dlq-email", "", undefined],
  ["dlq-email", "dlq-web", "b"],
])("while one of %j runs, one of %j has its turn: %j", (first, second, turn) => {
  expect(next(open("a", first, held), open("b", second))).toBe(turn);
});

it("one of another environment does not wait", () => {
  expect(next(open("a", "", held), open("b", "", { environment: "production" }))).toBe("b");
});

it("one that waits is in the way of a later one too", () => {
  expect(next(open("a", "dlq-web", held), open("b", ""), open("c", "dlq-email"))).toBeUndefined();
});

it("one that runs is in the way of an earlier one that came to be known after it", () => {
  expect(next(open("a", ""), open("b", "dlq-email", held))).toBeUndefined();
});

it("one whose holder is gone is taken up again", () => {
  expect(next(open("a", "", { ...held, heldUntilMs: 50 }), open("b", ""))).toBe("a");
});

const stretch: Stretch = {
  progress: { ...unbegun, startedAtMs: 5, matched: 5, place },
  settles: ["x", "y"],
  state: "running",
  nowMs: 60,
  heldUntilMs: 160,
};

it("counts what a stretch settled, and what was gone before", () => {
  expect(advanced(open("a", "", held), "w", stretch, 1)).toMatchObject({
    state: "running",
    heldUntilMs: 160,
    progress: { settled: 1, gone: 1 },
  });
});

it("at the end everything that was there is accounted for", () => {
  const last = { ...stretch, state: "done", settles: [], progress: { ...stretch.progress, settled: 2, refused: { expired: 1 } } } as const;
  expect(advanced(open("a", "", held), "w", last, 0)).toMatchObject({
    state: "done",
    endedAtMs: 60,
    heldUntilMs: 0,
    progress: { gone: 2 },
  });
});

it("another holder's is not advanced, and a canceled one only counts", () => {
  expect(advanced(open("a", "", held), "other", stretch, 2)).toBeUndefined();
  const canceled = open("a", "", { ...held, state: "canceled", endedAtMs: 55 });
  expect(advanced(canceled, "w", stretch, 2)).toMatchObject({ state: "canceled", endedAtMs: 55, progress: { settled: 2 } });
});
