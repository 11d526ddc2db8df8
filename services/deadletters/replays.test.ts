import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advanced, nextOf, type OpenReplay, type Stretch, unattended, unbegun } from "./replays.ts";

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

it("one that has begun goes on before one that came to be known after it with an earlier time, be it drained or left by a death", () => {
  for (const heldUntilMs of [0, 50]) {
    const begun = open("begun", "dlq-email", { state: "running", holder: "w", heldUntilMs });
    expect(next(open("early", ""), begun)).toBe("begun");
    expect(next(open("early", ""), open("held", "dlq-web", held), begun)).toBe("begun");
  }
});

it("one that seems to be held for hours, by a clock that was set back, is taken up again", () => {
  const ahead = open("ahead", "", { ...held, heldUntilMs: 7_200_000 });
  expect(next(ahead)).toBe("ahead");
  expect(next(ahead, open("other", ""))).toBe("ahead");
  expect(unattended([ahead], 50)).toEqual([ahead]);
});

describe("of replays in whatever state and order", () => {
  const NOW_MS = 50;
  const isHeld = ({ heldUntilMs }: OpenReplay) => heldUntilMs === held.heldUntilMs;
  const overlap = (one: OpenReplay, other: OpenReplay) => {
    const queues = new Set([one, other].map(({ asked }) => asked.filter.queue));
    return one !== other && one.environment === other.environment && (queues.size === 1 || queues.has(""));
  };
  const waiting = { state: "waiting", heldUntilMs: 0 } as const;
  const standings = [
    waiting,
    { state: "running", heldUntilMs: 0 },
    { state: "running", heldUntilMs: 50 },
    { state: "running", heldUntilMs: 7_200_000 },
    held,
  ] as const;
  const some = fc
    .array(
      fc.record({
        environment: fc.constantFrom("development", "production"),
        queue: fc.constantFrom("", "dlq-email", "dlq-web", "dlq-events"),
        standing: fc.constantFrom(...standings),
      }),
      { minLength: 1, maxLength: 8 },
    )
    .map((all) => all.map(({ environment, queue, standing }, at) => open(`r-${at}`, queue, { environment, ...standing })));
  const taken = (all: readonly OpenReplay[]): readonly OpenReplay[] => {
    const turn = nextOf(all, NOW_MS);
    return turn ? taken(all.map((each) => (each === turn ? { ...each, ...held } : each))) : all;
  };

  it("one has its turn as long as nobody is at any", () => {
    fc.assert(
      fc.property(some, (all) => {
        expect(
          nextOf(
            all.filter((each) => !isHeld(each)),
            NOW_MS,
          ) !== undefined,
        ).toBe(!all.every(isHeld));
      }),
    );
  });

  it("each is held, or waits for one that is, when all are taken whose turn it is", () => {
    fc.assert(
      fc.property(some, (all) => {
        const before = new Set(all.filter(isHeld).map(({ id }) => id));
        const after = taken(all);
        expect(unattended(after, NOW_MS)).toEqual([]);
        for (const each of after.filter((one) => isHeld(one) && !before.has(one.id)))
          expect(after.filter((other) => isHeld(other) && overlap(each, other))).toEqual([]);
      }),
    );
  });
});

it("those are unattended that nobody is at, nor at one that they wait for", () => {
  const ids = (...all: readonly OpenReplay[]) => unattended(all, 50).map(({ id }) => id);
  expect(ids(open("a", "dlq-email", held), open("b", "dlq-email"), open("c", "dlq-web"))).toEqual(["c"]);
  expect(ids(open("a", "dlq-email", held), open("b", ""), open("c", "dlq-web"))).toEqual([]);
  expect(ids(open("a", "", held), open("b", "", { environment: "production" }))).toEqual(["b"]);
  expect(ids(open("a", "dlq-email", { ...held, heldUntilMs: 50 }), open("b", "dlq-email"))).toEqual(["a", "b"]);
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
