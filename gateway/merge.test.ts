import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Merge } from "./merge.ts";

const at = (seq: number, epoch = "e") => ({ epoch, seq });

describe("the order of one connection's messages", () => {
  it("passes what follows, tells a repeat, and sees a hole", () => {
    const merge = new Merge(at(7));
    expect([6, 7, 8, 9].map((seq) => merge.judge(at(seq)))).toEqual(["repeat", "repeat", "next", "hole"]);
    merge.advance(at(8));
    expect([8, 9].map((seq) => merge.judge(at(seq)))).toEqual(["repeat", "next"]);
    expect(merge.last).toEqual(at(8));
  });

  it("takes a message of another epoch for a hole, wherever it stands: only a read can tell which epoch is the true one", () => {
    const merge = new Merge(at(7));
    expect([1, 7, 8, 9].map((seq) => merge.judge(at(seq, "f")))).toEqual(["hole", "hole", "hole", "hole"]);
  });

  it("knows nothing of the epoch of a person who has no messages, so the first of them is read", () => {
    const merge = new Merge({ epoch: "", seq: 0 });
    expect(merge.judge(at(1))).toBe("hole");
    merge.advance(at(1));
    expect(merge.judge(at(2))).toBe("next");
  });

  it("passes each message once and in order, however they come, when every hole is filled from the truth", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 })), fc.nat(10), (coming, start) => {
        const merge = new Merge(at(start));
        const passed: number[] = [];
        const pass = (seq: number) => {
          merge.advance(at(seq));
          passed.push(seq);
        };
        for (const seq of coming) {
          const judged = merge.judge(at(seq));
          if (judged === "next") pass(seq);
          else if (judged === "hole") while (merge.last.seq < seq) pass(merge.last.seq + 1);
        }
        const top = Math.max(start, ...coming);
        expect(passed).toEqual(Array.from({ length: top - start }, (_, index) => start + index + 1));
      }),
    );
  });
});
