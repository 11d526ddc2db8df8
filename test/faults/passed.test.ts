import { describe, expect, it } from "vitest";
import { type GroupRead, passedTooEarly, type Sample, type Told } from "./passed.ts";

const LANE = "email-notifications/3";
const EVENTS = "delivery.events/7";
const group = "email-workers";

const reads = [
  { offset: 10, timeMs: 1_000, of: "a", ways: [["what became of a"]] },
  { offset: 11, timeMs: 1_001, of: "b", ways: [["what became of b"]] },
];
const read: readonly GroupRead[] = [{ group, partitions: new Map([[LANE, reads]]) }];
const told = new Map<string, readonly Told[]>([
  ["what became of a", [{ place: EVENTS, offset: 40, timeMs: 1_500 }]],
  ["what became of b", [{ place: EVENTS, offset: 41, timeMs: 1_600 }]],
]);
const sample = (next: number, end: number, name = group): Sample => ({
  next: new Map([[name, new Map([[LANE, next]])]]),
  ends: new Map([[EVENTS, end]]),
});

describe("positions of a group", () => {
  it("that follow what is in the log are right", () => {
    expect(passedTooEarly(read, told, [sample(10, 40), sample(11, 41), sample(12, 42)])).toEqual([]);
  });

  it("are too high above what was written after they were seen, whenever it says that it was", () => {
    const early = `${group} stood above 11 in ${LANE} before there was what became of b`;
    expect(passedTooEarly(read, told, [sample(12, 41)])).toEqual([early]);
    const backdated = new Map([...told, ["what became of b", [{ place: EVENTS, offset: 41, timeMs: 1_001 }]] as const]);
    expect(passedTooEarly(read, backdated, [sample(12, 41), sample(12, 42)])).toEqual([early]);
  });

  it("are too high above what was never written", () => {
    expect(passedTooEarly(read, new Map(), [sample(11, 99)])).toEqual([
      `${group} stood above 10 in ${LANE} before there was what became of a`,
    ]);
  });

  it("are too high above a record when only an earlier one of the same was told of", () => {
    const before = new Map([...told, ["what became of a", [{ place: EVENTS, offset: 2, timeMs: 900 }]] as const]);
    expect(passedTooEarly(read, before, [sample(12, 42)])).toEqual([
      `${group} stood above 10 in ${LANE} before there was what became of a`,
    ]);
  });

  it("may stand above a repeat of what was finished before", () => {
    const again = [...reads, { offset: 12, timeMs: 9_000, of: "a", ways: [["what became of a"]] }];
    expect(passedTooEarly([{ group, partitions: new Map([[LANE, again]]) }], told, [sample(13, 42)])).toEqual([]);
  });

  it("are too high above another try when only the first was told of", () => {
    const again = [...reads, { offset: 12, timeMs: 9_000, of: "a once more", ways: [["what became of a"]] }];
    expect(passedTooEarly([{ group, partitions: new Map([[LANE, again]]) }], told, [sample(13, 42)])).toEqual([
      `${group} stood above 12 in ${LANE} before there was what became of a`,
    ]);
  });

  it("are right when all of one way is there, and too high when a part of each is", () => {
    const ways = [["refused"], ["requested", "routed"]];
    const routed: readonly GroupRead[] = [{ group, partitions: new Map([[LANE, [{ offset: 0, timeMs: 0, of: "a", ways }]]]) }];
    const at = (offset: number) => [{ place: EVENTS, offset, timeMs: 1 }];
    const [requested, refused] = [
      ["requested", at(0)],
      ["refused", at(0)],
    ] as const;
    expect(passedTooEarly(routed, new Map([requested, ["routed", at(1)]]), [sample(1, 2)])).toEqual([]);
    expect(passedTooEarly(routed, new Map([refused]), [sample(1, 2)])).toEqual([]);
    expect(passedTooEarly(routed, new Map([requested, ["routed", at(1)]]), [sample(1, 1)])).toHaveLength(1);
  });

  it.each([
    ["were never looked at", []],
    ["were looked at under another name", [sample(12, 42, "mail-workers")]],
    ["were never seen above the beginning", [sample(0, 42), sample(10, 42)]],
  ])("prove nothing when they %s", (_what, samples) => {
    expect(passedTooEarly(read, told, samples)).toEqual([`${group} was never seen above 10 in ${LANE}`]);
  });

  it("prove nothing when there was nothing to read, but in a partition beside others", () => {
    const nothing: readonly GroupRead[] = [{ group, partitions: new Map([[LANE, []]]) }];
    expect(passedTooEarly(nothing, told, [sample(12, 42)])).toEqual(["there was nothing to read"]);
    const beside: readonly GroupRead[] = [
      { group, partitions: new Map([...(nothing[0]?.partitions ?? []), ["email-notifications/4", reads]]) },
    ];
    const there: Sample = { next: new Map([[group, new Map([["email-notifications/4", 12]])]]), ends: new Map([[EVENTS, 42]]) };
    expect(passedTooEarly(beside, told, [there])).toEqual([]);
  });
});
