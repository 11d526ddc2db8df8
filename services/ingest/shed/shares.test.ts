import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Flow, Shares } from "./shares.ts";

interface Held {
  readonly flow: Flow;
  readonly bytes: number;
  readonly givesWay: boolean;
}

const sharesOf = (...all: readonly Held[]) => {
  const shares = new Shares<Held>();
  for (const each of all) shares.set(each, each.flow, each.bytes, each.givesWay);
  return shares;
};
const held = (environment: string, tenant: string | undefined, bytes: number, givesWay = true): Held => ({
  flow: { environment, tenant },
  bytes,
  givesWay,
});
const sum = (all: Iterable<Held>) => [...all].reduce((bytes, each) => bytes + each.bytes, 0);

describe("who makes room", () => {
  it("is nobody where nobody holds anything, or all of it has begun", () => {
    expect(sharesOf().heaviest()).toBeUndefined();
    expect(sharesOf(held("a", "x", 10, false)).heaviest()).toBeUndefined();
  });

  it("is the environment that holds most, of it the tenant that holds most, and of that the newest", () => {
    const [small, big, older, newest] = [held("a", "x", 50), held("b", "y", 30), held("b", "z", 20), held("b", "z", 20)];
    expect(sharesOf(small, big, older, newest).heaviest()).toBe(newest);
    expect(sharesOf(small, big).heaviest()).toBe(small);
  });

  it("is none who asks for little where the tenants are not known yet, and else the newest, so that what came first comes to its end", () => {
    const [oldest, large, little] = [held("a", undefined, 4_000), held("a", undefined, 4_000), held("a", undefined, 5)];
    expect(sharesOf(oldest, large, little).heaviest()).toBe(large);
  });

  it("counts what has begun, and leaves it alone", () => {
    const [begun, later, other] = [held("a", "x", 90, false), held("a", "x", 5), held("b", "y", 50)];
    expect(sharesOf(begun, later, other).heaviest()).toBe(later);
  });

  it("goes by what a holding is now, and no more by what it was", () => {
    const [moved, other] = [held("a", undefined, 40), held("b", "y", 30)];
    const shares = sharesOf(moved, other);
    shares.set(moved, { environment: "a", tenant: "x" }, 20, true);
    expect([shares.bytes, shares.heaviest()]).toEqual([50, other]);
    shares.set(other, other.flow, 10, true);
    expect([shares.bytes, shares.heaviest()]).toEqual([30, moved]);
    shares.delete(moved);
    shares.delete(moved);
    expect([shares.bytes, shares.heaviest()]).toEqual([10, other]);
  });
});

const word = fc.constantFrom("a", "b", "c");
const anyHeld = fc.record({
  flow: fc.record({ environment: word, tenant: word }),
  bytes: fc.integer({ min: 1, max: 100 }),
  givesWay: fc.boolean(),
});

it("whoever comes in under an equal share is never put out, whatever came before: another holds more", () => {
  fc.assert(
    fc.property(fc.array(anyHeld, { maxLength: 40 }), fc.integer({ min: 50, max: 500 }), (coming, most) => {
      const shares = new Shares<Held>();
      const inside = new Set<Held>();
      for (const each of coming) {
        inside.add(each);
        shares.set(each, each.flow, each.bytes, each.givesWay);
        while (shares.bytes > most) {
          const out = shares.heaviest();
          if (!out) break;
          const ofEnvironments = Map.groupBy(inside, ({ flow }) => flow.environment);
          const own = sum(ofEnvironments.get(out.flow.environment) ?? []);
          for (const others of ofEnvironments.values())
            if (others.some(({ givesWay }) => givesWay)) expect(sum(others)).toBeLessThanOrEqual(own);
          const ofTenants = Map.groupBy(ofEnvironments.get(out.flow.environment) ?? [], ({ flow }) => flow.tenant);
          const tenant = sum(ofTenants.get(out.flow.tenant) ?? []);
          for (const others of ofTenants.values())
            if (others.some(({ givesWay }) => givesWay)) expect(sum(others)).toBeLessThanOrEqual(tenant);
          expect(own).toBeGreaterThan(0);
          inside.delete(out);
          shares.delete(out);
        }
        expect(shares.bytes).toBe(sum(inside));
        if ([...inside].some(({ givesWay }) => givesWay)) expect(shares.bytes).toBeLessThanOrEqual(most);
      }
    }),
  );
});
