import { describe, expect, it, vi } from "vitest";
import { Problem } from "#domain/errors.ts";
import { memoryBuckets } from "#platform/limits/bucket.memory.ts";
import type { Ask, Buckets, Lane, Rate } from "#platform/limits/bucket.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { type Asking, type Entered, gateOf } from "./gate.ts";
import { tokensOf } from "./tokens.ts";

const ten: Rate = { perSecond: 10, burst: 20 };

function open({ permits = 10_000, rate = ten as Rate | null, room = 1_000, workers = 1 } = {}) {
  const clock = fakeClock();
  const inner = memoryBuckets({ clock });
  const asked: Ask[] = [];
  const trouble: { error?: Error } = {};
  const buckets: Pick<Buckets, "take" | "book"> = {
    async take(ask) {
      asked.push(ask);
      if (trouble.error) throw trouble.error;
      return inner.take(ask);
    },
    book: (booking) => inner.book(booking),
  };
  const gates = Array.from({ length: workers }, (_, at) => {
    const tokens = rate ? tokensOf({ buckets, integration: "smtp", rate, holder: `w-${at}`, clock }) : undefined;
    return gateOf({ permits, tokens, room, clock });
  });
  const signal = new AbortController().signal;
  const entered: { readonly lane: Lane; readonly name: string; readonly entered: Entered; readonly atMs: number }[] = [];
  const failed: unknown[] = [];
  const startMs = clock.nowMs();
  const enter = (lane: Lane, name: string = lane, more: Partial<Asking> & { worker?: number } = {}) => {
    const { worker = 0, ...asking } = more;
    void gates[worker]?.enter({ lane, again: false, signal, ...asking }).then(
      (each) => entered.push({ lane, name, entered: each, atMs: clock.nowMs() - startMs }),
      (error) => failed.push(error),
    );
  };
  const many = (count: number, lane: Lane, more?: Partial<Asking> & { worker?: number }) => {
    for (let at = 0; at < count; at++) enter(lane, `${lane}${at}`, more);
  };
  const isIn = ({ entered }: { entered: Entered }) => entered.is === "in";
  const inside = () => entered.filter(isIn);
  return { clock, gates, asked, trouble, entered, failed, enter, many, inside };
}

describe("a gate without a rate", () => {
  it("lets in as many as there are permits, the next when one leaves, and asks nobody", async () => {
    const { clock, many, inside, asked } = open({ permits: 2, rate: null });
    many(4, "medium");
    await clock.advance(0);
    expect(inside().map(({ name }) => name)).toEqual(["medium0", "medium1"]);
    const [first] = inside();
    if (first?.entered.is === "in") {
      first.entered.leave();
      first.entered.leave();
    }
    await clock.advance(0);
    expect(inside()).toHaveLength(3);
    expect(asked).toEqual([]);
  });

  it("gives permits in the order of the lanes", async () => {
    const { clock, enter, inside } = open({ permits: 1, rate: null });
    enter("low", "first");
    for (const lane of ["low", "medium", "high"] as const) enter(lane);
    for (let turn = 0; turn < 4; turn++) {
      await clock.advance(0);
      const last = inside().at(-1)?.entered;
      if (last?.is === "in") last.leave();
    }
    expect(inside().map(({ name }) => name)).toEqual(["first", "high", "medium", "low"]);
  });

  it("lets go of who gives up, and turns away who waits when it is told to, or for as long as they said", async () => {
    const { clock, gates, enter, entered, failed } = open({ permits: 1, rate: null });
    const leaving = new AbortController();
    enter("high", "in");
    enter("high", "gone", { signal: leaving.signal });
    enter("high", "short", { mostMs: 2_000 });
    enter("high", "long");
    leaving.abort(new Error("called off"));
    await clock.advance(1_999);
    expect(failed).toEqual([new Error("called off")]);
    expect(entered).toHaveLength(1);
    await clock.advance(1);
    expect(entered.at(-1)).toMatchObject({ name: "short", entered: { is: "away" } });
    gates[0]?.turnAway();
    await clock.advance(0);
    expect(entered.at(-1)).toMatchObject({ name: "long", entered: { is: "away" } });
  });
});

describe("sends that may happen at most once", () => {
  const once = { atMostOnce: true };
  const names = (inside: readonly { readonly name: string }[]) => inside.map(({ name }) => name);

  it("are half of those who are in, and the others go past them", async () => {
    const { clock, enter, inside } = open({ permits: 4, rate: null });
    for (const name of ["a", "b", "c", "d"]) enter("high", name, once);
    for (const name of ["x", "y", "z"]) enter("low", name);
    await clock.advance(0);
    expect(names(inside())).toEqual(["a", "b", "x", "y"]);
    const [first] = inside();
    if (first?.entered.is === "in") first.entered.leave();
    await clock.advance(0);
    expect(names(inside()).slice(4)).toEqual(["c"]);
  });

  it("are half of them with a rate too, and while those who are left are such, no token is asked for", async () => {
    const { clock, many, enter, inside, asked } = open({ permits: 4 });
    many(30, "medium", once);
    await clock.advance(5_000);
    expect(names(inside())).toEqual(["medium0", "medium1"]);
    const calls = asked.length;
    await clock.advance(5_000);
    expect(asked.length - calls).toBeLessThanOrEqual(2);
    enter("low", "x");
    await clock.advance(1_000);
    expect(names(inside()).slice(2)).toEqual(["x"]);
    for (const { entered } of inside()) if (entered.is === "in") entered.leave();
    await clock.advance(5_000);
    expect(names(inside()).slice(3)).toEqual(["medium2", "medium3"]);
  });

  it("may be turned away alone", async () => {
    const { clock, gates, enter, entered } = open({ permits: 2, rate: null });
    for (const name of ["a", "b"]) enter("high", name, once);
    for (const name of ["x", "y"]) enter("low", name);
    gates[0]?.turnAway(({ atMostOnce = false }) => atMostOnce);
    await clock.advance(0);
    expect(entered.map(({ name, entered: { is } }) => `${name} ${is}`).sort()).toEqual(["a in", "b away", "x in"]);
  });
});

describe("a gate with a rate", () => {
  it("lets the burst in at once, then one after the other at the rate, without asking all the time", async () => {
    const { clock, many, inside, asked } = open();
    many(60, "medium");
    await clock.advance(0);
    expect(inside()).toHaveLength(20);
    await clock.advance(3_000);
    expect(inside()).toHaveLength(50);
    expect(asked.length).toBeLessThan(100);
    await clock.advance(1_000);
    expect(inside()).toHaveLength(60);
    const calls = asked.length;
    await clock.advance(60_000);
    expect(asked.length - calls).toBeLessThanOrEqual(2);
  });

  it("serves the lanes by weight when tokens are short", async () => {
    const { clock, many, inside } = open();
    many(20, "medium");
    await clock.advance(0);
    many(30, "low");
    many(30, "medium");
    many(30, "high");
    await clock.advance(2_150);
    const served = inside().slice(20);
    const count = (lane: Lane) => served.filter((each) => each.lane === lane).length;
    expect(served).toHaveLength(21);
    // What low is due it cannot have: a fifth of the burst is left to the others.
    expect([count("high"), count("medium"), count("low")]).toEqual([17, 4, 0]);
    expect(served[0]?.lane).toBe("high");
  });

  it("gives one of the high lane the next token, however many of the low lane wait", async () => {
    const { clock, many, enter, inside } = open();
    many(80, "low");
    await clock.advance(1_000);
    // Four are left to it.
    enter("high");
    await clock.advance(0);
    expect(inside().at(-1)?.lane).toBe("high");
    many(10, "high");
    await clock.advance(700);
    expect(
      inside()
        .slice(-7)
        .every(({ lane }) => lane === "high"),
    ).toBe(true);
  });

  it("books who would wait for more than ten seconds, one after the other, and lets the others wait", async () => {
    const { clock, many, entered, inside } = open();
    many(20, "medium");
    await clock.advance(0);
    many(130, "medium");
    await clock.advance(0);
    const booked = entered.flatMap(({ entered }) => (entered.is === "booked" ? [entered.waitMs] : []));
    expect(inside()).toHaveLength(20);
    // Before the last that waits there are a hundred.
    expect(booked).toHaveLength(130 - 101);
    expect(booked.slice(0, 3)).toEqual([10_000, 10_100, 10_200]);
    await clock.advance(9_000);
    expect(inside()).toHaveLength(20 + 90);
  });

  it("books those whom others have kept waiting for ten seconds", async () => {
    const { clock, many, enter, entered } = open();
    many(20, "high");
    await clock.advance(0);
    enter("low");
    for (let second = 0; second < 10; second++) {
      many(12, "high");
      await clock.advance(1_000);
    }
    await clock.advance(500);
    expect(entered.find(({ lane }) => lane === "low")?.entered.is).toBe("booked");
  });

  it("books sooner where more wait than there is room for, unless that is over in a moment", async () => {
    const slow = open({ room: 15 });
    slow.many(20, "medium");
    await slow.clock.advance(0);
    slow.many(30, "medium");
    await slow.clock.advance(0);
    const booked = slow.entered.filter(({ entered }) => entered.is === "booked");
    expect(booked).toHaveLength(15);
    const fast = open({ room: 15, rate: { perSecond: 1_000, burst: 100 } });
    fast.many(100, "medium");
    await fast.clock.advance(0);
    fast.many(200, "medium");
    await fast.clock.advance(300);
    expect(fast.inside()).toHaveLength(300);
  });

  it("lets those who have waited on the schedule go before those who come now", async () => {
    const { clock, many, enter, inside } = open();
    many(40, "medium");
    await clock.advance(0);
    enter("medium", "again", { again: true });
    await clock.advance(100);
    expect(inside().at(-1)?.name).toBe("again");
  });

  it("four workers together keep to the rate, and share it", async () => {
    const { clock, many, inside } = open({ workers: 4, rate: { perSecond: 40, burst: 10 } });
    for (let worker = 0; worker < 4; worker++) many(400, "medium", { worker });
    await clock.advance(0);
    const burst = inside().length;
    expect(burst).toBeLessThanOrEqual(10);
    await clock.advance(6_000);
    const rate = (inside().length - burst) / 6;
    expect(rate).toBeGreaterThan(40 * 0.98);
    expect(rate).toBeLessThan(40 * 1.02);
  });

  it("gives back a token that nothing was sent with", async () => {
    const { clock, many, enter, inside, asked } = open();
    many(20, "high");
    await clock.advance(0);
    for (const { entered } of inside().slice(0, 5)) if (entered.is === "in") entered.leave("unused");
    await clock.advance(500);
    expect(asked.reduce((sum, { back }) => sum + back, 0)).toBe(5);
    for (let more = 0; more < 10; more++) enter("high");
    await clock.advance(0);
    expect(inside()).toHaveLength(30);
  });

  it("fetches ahead where much is sent, a call for many, and gives back what is left over", async () => {
    const { clock, many, inside, asked } = open({ rate: { perSecond: 100_000, burst: 10_000 } });
    for (let round = 0; round < 1_000; round++) {
      many(2, "medium");
      await clock.advance(1);
    }
    expect(inside()).toHaveLength(2_000);
    expect(asked.length).toBeLessThan(20);
    await clock.advance(1_000);
    expect(asked.at(-1)).toMatchObject({ kept: 0, wanted: { high: 0, medium: 0, low: 0 } });
    expect(asked.at(-1)?.back).toBeGreaterThan(0);
  });

  it("asks for no more tokens than it could let in", async () => {
    const { clock, many, inside, asked } = open({ permits: 3 });
    many(10, "medium");
    await clock.advance(5_000);
    expect(inside()).toHaveLength(3);
    expect(asked.reduce((sum, { wanted }) => sum + wanted.medium, 0)).toBe(3);
  });

  it("tells who waits when the bucket cannot be asked, and goes on when it can again", async () => {
    const { clock, many, failed, trouble, inside } = open();
    trouble.error = new Problem("STORE_UNAVAILABLE");
    many(3, "medium");
    await clock.advance(0);
    expect(failed).toEqual(Array(3).fill(trouble.error));
    delete trouble.error;
    many(3, "medium");
    await vi.waitFor(() => expect(inside()).toHaveLength(3));
  });
});
