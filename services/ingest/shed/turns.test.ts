import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Turns } from "./turns.ts";

/** Each waits under its own words: environment, tenant, and which of theirs it is. */
const waitingOf = (...words: readonly string[]) => {
  const turns = new Turns<string>();
  for (const each of words) wait(turns, each);
  return turns;
};
const wait = (turns: Turns<string>, words: string, cost = 1, begun = false) => {
  const [environment = "", tenant] = words.split("/");
  turns.wait(words, { environment, tenant }, { cost, begun });
};
const given = (turns: Turns<string>, count = turns.size): string[] =>
  Array.from({ length: count }, () => {
    const of = turns.next(true)?.of as string;
    turns.give(of);
    return of;
  });

describe("turns", () => {
  it("go round by environment, and within one by tenant, in each in the order of coming", () => {
    const turns = waitingOf("a/x/1", "a/x/2", "a/x/3", "a/y/1", "b/z/1", "b/z/2");
    expect(given(turns)).toEqual(["a/x/1", "b/z/1", "a/y/1", "b/z/2", "a/x/2", "a/x/3"]);
    expect(turns.next(true)).toBeUndefined();
  });

  it("are counted by what they cost", () => {
    const turns = new Turns<string>();
    for (const each of ["a/x/1", "a/x/2"]) wait(turns, each, 30);
    for (const each of ["b/y/1", "b/y/2", "b/y/3", "b/y/4"]) wait(turns, each, 10);
    expect(given(turns)).toEqual(["a/x/1", "b/y/1", "b/y/2", "b/y/3", "a/x/2", "b/y/4"]);
  });

  it("come at once to who was idle, and are not saved up by it", () => {
    const turns = waitingOf("a/x/1", "a/x/2", "a/x/3", "a/x/4", "a/x/5", "a/x/6");
    expect(given(turns, 3)).toEqual(["a/x/1", "a/x/2", "a/x/3"]);
    for (const each of ["b/y/1", "b/y/2", "b/y/3"]) wait(turns, each);
    expect(given(turns)).toEqual(["b/y/1", "a/x/4", "b/y/2", "a/x/5", "b/y/3", "a/x/6"]);
  });

  it("go to what has begun before what is new of the same tenant, and to nothing else where nothing may begin", () => {
    const turns = waitingOf("a/x/1", "b/y/1");
    expect(turns.next(false)).toBeUndefined();
    wait(turns, "a/x/0", 1, true);
    expect(turns.next(false)?.of).toBe("a/x/0");
    expect(given(turns)).toEqual(["a/x/0", "b/y/1", "a/x/1"]);
  });

  it("leave out who does not wait any more", () => {
    const turns = waitingOf("a/x/1", "a/x/2", "b/y/1");
    turns.delete("a/x/1");
    turns.delete("a/x/1");
    expect(given(turns)).toEqual(["a/x/2", "b/y/1"]);
  });
});

it("two who both go on waiting are given the same, to within one turn of each, whatever the turns cost", () => {
  const costs = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 40, maxLength: 40 });
  fc.assert(
    fc.property(costs, costs, fc.integer({ min: 1, max: 60 }), (ofA, ofB, rounds) => {
      const turns = new Turns<string>();
      for (const [index, cost] of ofA.entries()) wait(turns, `a/x/${index}`, cost);
      for (const [index, cost] of ofB.entries()) wait(turns, `b/y/${index}`, cost);
      const spent = { a: 0, b: 0 };
      const left = { a: 40, b: 40 };
      for (let round = 0; round < rounds; round++) {
        const turn = turns.next(true) as { of: string; cost: number };
        turns.give(turn.of);
        const who = turn.of[0] as "a" | "b";
        spent[who] += turn.cost;
        left[who]--;
        if (left.a === 0 || left.b === 0) return;
        expect(Math.abs(spent.a - spent.b)).toBeLessThanOrEqual(50);
      }
    }),
  );
});
