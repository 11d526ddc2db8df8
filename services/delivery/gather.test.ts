import { describe, expect, it } from "vitest";
import { gather } from "./gather.ts";

describe("gathering", () => {
  it("makes one call of what is asked together, and of what is asked meanwhile the next", async () => {
    const calls: number[][] = [];
    let end: () => void = () => undefined;
    const ask = gather(async (items: readonly number[]) => {
      calls.push([...items]);
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return items.map((item) => item * 10);
    });
    const first = [ask(1), ask(2)];
    await expect.poll(() => calls).toEqual([[1, 2]]);
    const second = [ask(3), ask(4), ask(5)];
    end();
    expect(await Promise.all(first)).toEqual([10, 20]);
    await expect
      .poll(() => calls)
      .toEqual([
        [1, 2],
        [3, 4, 5],
      ]);
    end();
    expect(await Promise.all(second)).toEqual([30, 40, 50]);
  });

  it("a call that fails fails those who asked in it, and nobody else", async () => {
    let round = 0;
    const ask = gather(async (items: readonly string[]) => {
      if (round++ === 0) throw new Error("not now");
      return items;
    });
    const results = await Promise.allSettled([ask("a"), ask("b")]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await ask("c")).toBe("c");
  });
});
