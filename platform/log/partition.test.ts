import { expect, test } from "vitest";
import { murmur2, partitionOf } from "./partition.ts";

test.each([
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
])("murmur2 of %s is what Kafka's own tests say", (key, hash) => {
  expect(murmur2(key)).toBe(hash);
});

test("a partition is the positive hash modulo the partitions", () => {
  expect(partitionOf("21", 12)).toBe((-973932308 & 0x7fffffff) % 12);
  expect(partitionOf("", 1)).toBe(0);
});

test("keys beyond ASCII are hashed as UTF-8, however long they are", () => {
  const long = "ü".repeat(1_000);
  expect(murmur2(long)).not.toBe(murmur2("u".repeat(1_000)));
  expect(murmur2(`${long}x`)).toBe(murmur2(`${long}x`));
  expect(partitionOf(long, 6)).toBeLessThan(6);
});
