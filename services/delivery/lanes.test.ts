import { expect, it } from "vitest";
import { email, web } from "#domain/topics.ts";
import { type Lane, lanes } from "#platform/limits/bucket.ts";
import { LaneQueue, laneOf, type Queued } from "./lanes.ts";

interface Item extends Queued {
  readonly at: number;
}
const all = () => true;
const filled = (sizes: Partial<Record<Lane, number>>, again = false) => {
  const queue = new LaneQueue<Item>();
  for (const lane of lanes) for (let at = 0; at < (sizes[lane] ?? 0); at++) queue.add({ lane, again, at });
  return queue;
};
const order = (queue: LaneQueue<Item>, count: number, may: (lane: Lane) => boolean = all) =>
  Array.from({ length: count }, () => queue.next(may)?.lane);

it("topics are lanes, and what is no lane counts as the middle one", () => {
  expect([email.high, email.medium, email.low, web].map(laneOf)).toEqual(["high", "medium", "low", "medium"]);
});

it("high goes before medium before low, by weight, and none is left out", () => {
  const first = order(filled({ high: 50, medium: 50, low: 50 }), 21);
  const count = (lane: Lane) => first.filter((each) => each === lane).length;
  expect([count("high"), count("medium"), count("low")]).toEqual([16, 4, 1]);
  expect(first[0]).toBe("high");
});

it("one of the high lane that comes to a hundred thousand of the low lane is next", () => {
  const queue = filled({ low: 100_000 });
  order(queue, 1_000);
  queue.add({ lane: "high", again: false, at: 0 });
  expect(queue.next(all)?.lane).toBe("high");
});

it("an empty lane costs the others nothing, and one that may not is passed by", () => {
  expect(order(filled({ low: 3 }), 4)).toEqual(["low", "low", "low", undefined]);
  expect(order(filled({ high: 2, low: 2 }), 3, (lane) => lane !== "high")).toEqual(["low", "low", undefined]);
});

it("within a lane who has waited before goes first, then who came first", () => {
  const queue = filled({ medium: 2 });
  queue.add({ lane: "medium", again: true, at: 7 });
  queue.add({ lane: "medium", again: true, at: 8 });
  expect(Array.from({ length: 4 }, () => queue.next(all)?.at)).toEqual([7, 8, 0, 1]);
});

it("tells what it would hand out without handing it out", () => {
  const queue = filled({ high: 30, medium: 30, low: 1 });
  expect(queue.peek(21, all)).toEqual({ high: 16, medium: 4, low: 1 });
  expect(queue.peek(1_000, all)).toEqual({ high: 30, medium: 30, low: 1 });
  expect(queue.peek(2, (lane) => lane === "low")).toEqual({ high: 0, medium: 0, low: 1 });
  expect(queue.size).toBe(61);
});

it("counts who would be before one that comes now", () => {
  const queue = filled({ high: 3, medium: 4, low: 5 });
  queue.add({ lane: "medium", again: true, at: 0 });
  const ahead = (lane: Lane, again: boolean) => queue.ahead({ lane, again });
  expect([ahead("high", false), ahead("medium", true), ahead("medium", false), ahead("low", false)]).toEqual([3, 4, 8, 13]);
});
