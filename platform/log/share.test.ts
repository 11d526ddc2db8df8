import fc from "fast-check";
import { expect, test } from "vitest";
import { share, type Unit } from "./share.ts";

const units = (...kinds: number[]): Unit[] => kinds.flatMap((of) => Array.from({ length: of }, (_, index) => ({ of, index })));
const counts = (owners: Map<Unit, string>, of: number) => {
  const count = new Map<string, number>();
  for (const [unit, member] of owners) if (unit.of === of) count.set(member, (count.get(member) ?? 0) + 1);
  return [...count.values()].sort();
};

test("every unit has one owner and shares of a kind differ by one at most", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { maxLength: 3 }), (many, kinds) => {
      const members = Array.from({ length: many }, (_, i) => `m${i}`);
      const all = units(...kinds);
      const owners = share(all, members, () => undefined);
      expect(owners.size).toBe(all.length);
      for (const of of kinds) {
        const each = members.map((member) => all.filter((unit) => unit.of === of && owners.get(unit) === member).length);
        expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test("a newcomer takes only what makes the shares even", () => {
  const all = units(12, 6);
  const before = share(all, ["a", "b"], () => undefined);
  const after = share(all, ["a", "b", "c"], (unit) => before.get(unit));
  const moved = all.filter((unit) => before.get(unit) !== after.get(unit));
  expect(counts(after, 12)).toEqual([4, 4, 4]);
  expect(counts(after, 6)).toEqual([2, 2, 2]);
  expect(moved.every((unit) => after.get(unit) === "c")).toBe(true);
});

test("what a member that left held is shared out and nothing else moves", () => {
  const all = units(12);
  const before = share(all, ["a", "b", "c"], () => undefined);
  const after = share(all, ["a", "b"], (unit) => before.get(unit));
  for (const unit of all) if (before.get(unit) !== "c") expect(after.get(unit)).toBe(before.get(unit));
  expect(counts(after, 12)).toEqual([6, 6]);
});

test("without members nothing is held", () => {
  expect(share(units(3), [], () => undefined).size).toBe(0);
});
