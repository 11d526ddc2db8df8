import fc from "fast-check";
import { expect, it } from "vitest";
import { further, type Handling, joined, type Way } from "./way.ts";

const handling = (more: Partial<Handling> = {}): Handling => ({
  ...{
    topic: "email-notifications",
    stage: "email-workers",
    cycle: 1,
    attempt: 0,
    sinceMs: 100,
    atMs: 200,
    reason: "provider_unavailable",
  },
  ...more,
});
const wayOf = (...all: readonly Handling[]): Way | undefined => all.reduce((way: Way | undefined, each) => further(way, each), undefined);

it("hops in a row that differ by nothing but their time are one, from the first to the last", () => {
  const way = wayOf(handling(), handling({ sinceMs: 300, atMs: 400, dueAtMs: 500 }), handling({ reason: "rate_limited" }), handling());
  expect(way?.hops.map(({ reason, times }) => [reason, times])).toEqual([
    ["provider_unavailable", 2],
    ["rate_limited", 1],
    ["provider_unavailable", 1],
  ]);
  expect(way?.hops[0]).toMatchObject({ sinceMs: 100n, atMs: 400n, dueAtMs: 500n });
});

it.each<[string, Partial<Handling>]>([
  ["topic", { topic: "retry.5s" }],
  ["stage", { stage: "inbox" }],
  ["cycle", { cycle: 2 }],
  ["attempt", { attempt: 2 }],
  ["reason", { reason: "rate_limited" }],
  ["detail", { detail: "451" }],
  ["provider", { provider: "smtp" }],
])("another %s is another hop", (_what, other) => {
  expect(wayOf(handling(), handling(other))?.hops).toHaveLength(2);
});

it("of many hops the first and the last stay, and the others are counted", () => {
  const way = wayOf(...Array.from({ length: 20 }, (_, at) => handling({ attempt: at + 1 })));
  expect(way?.hops.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
  expect(way?.leftOut).toBe(8);
});

it("never holds more than twelve hops of 300 characters, and accounts for every handling", () => {
  const one = fc.record({ attempt: fc.nat(3), detail: fc.string({ maxLength: 2_000, unit: "binary" }) });
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 60 }), (all) => {
      const way = wayOf(...all.map(handling)) as Way;
      expect(way.hops.length).toBeLessThanOrEqual(12);
      for (const { detail } of way.hops) {
        expect(detail.length).toBeLessThanOrEqual(300);
        expect(detail.isWellFormed()).toBe(true);
      }
      const told = way.hops.reduce((sum, { times }) => sum + times, 0);
      expect(told + way.leftOut).toBeLessThanOrEqual(all.length);
      if (way.leftOut === 0) expect(told).toBe(all.length);
      expect(way.hops.at(-1)?.attempt).toBe(all.at(-1)?.attempt);
    }),
  );
});

it("joined ways keep their order and what they left out", () => {
  const many = wayOf(...Array.from({ length: 13 }, (_, at) => handling({ attempt: at + 1 })));
  expect(joined(undefined, undefined)).toBeUndefined();
  const both = joined(wayOf(handling({ cycle: 7 })), undefined, many);
  expect(both?.leftOut).toBe(1);
  expect(both?.hops.map(({ cycle }) => cycle).slice(0, 2)).toEqual([7, 1]);
});
