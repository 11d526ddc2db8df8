import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holdOf, intentOf, isErasedBy, isSuppressedBy, stateOf } from "./replies.ts";

const bytes = (text: string) => Buffer.from(text);

describe("what the ledger's scripts answer about a send", () => {
  it.each([
    ["send", { is: "send" }],
    ["unknown", { is: "unknown" }],
    ["leased 17", { is: "leased", untilMs: 17 }],
    ["canceled 5", { is: "canceled", atMs: 5 }],
    ["repeat", { is: "repeat" }],
    ["repeat 1 2 5", { is: "repeat", expected: { attempt: 1, wait: 2, atMs: 5 } }],
    ["settled sent 1 2 5", { is: "settled", state: "sent", by: { attempt: 1, wait: 2 }, atMs: 5 }],
  ])("%s is read", (reply, intent) => {
    expect(intentOf(bytes(reply))).toEqual(intent);
  });

  it.each([
    ...[
      "",
      "malformed",
      "granted",
      "send now",
      "leased",
      "leased soon",
      "leased 1 2",
      "leased -1",
      "canceled",
      "repeat 1 2",
      "repeat 1 2 x",
    ],
    ...["settled", "settled sent 1 2", "settled parked 1 2 5", "settled sent 1 2 5 6", "leased 17\n", "leased 1e3"],
  ])("%j is malformed", (reply) => {
    expect(intentOf(bytes(reply)).is).toBe("malformed");
  });

  it("whatever comes, nothing is sent but on the word that says so", () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), (value, words) => {
        for (const reply of [value, words, bytes(words)]) {
          const { is } = intentOf(reply);
          if (is === "send" || is === "unknown") expect(String(reply)).toBe(is);
        }
      }),
    );
  });
});

it("a lease is held only on the word that says so", () => {
  expect(["held", "canceled", "lost", "", "held on", "1"].map((word) => holdOf(bytes(word)))).toEqual([
    ...["held", "canceled", "lost", "lost", "lost", "lost"],
  ]);
  expect([1, null, undefined].map(holdOf)).toEqual(["lost", "lost", "lost"]);
});

it("a state of another version is malformed", () => {
  expect(["leased", "released", "sent", "parked", ""].map(stateOf)).toEqual(["leased", "released", "sent", "malformed", "malformed"]);
});

it("a bar that cannot be read bars", () => {
  expect(["", "0 5", "1 5", "0", "x", "1"].map(isSuppressedBy)).toEqual([false, false, true, true, true, true]);
  expect(["", "4", "5", "6", "x"].map((said) => isErasedBy(said, 5))).toEqual([false, false, true, true, true]);
});
