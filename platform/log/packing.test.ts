import fc from "fast-check";
import { expect, test } from "vitest";
import { raw } from "#domain/topics.ts";
import type { Output } from "./log.ts";
import { pack, unpack } from "./packing.ts";

const outputs = fc.array(
  fc.record({
    key: fc.oneof(fc.string(), fc.string({ unit: "grapheme", maxLength: 300 })),
    value: fc.uint8Array({ maxLength: 300 }),
    headers: fc.dictionary(fc.string(), fc.string({ unit: "grapheme" }), { maxKeys: 4 }),
  }),
  { maxLength: 30 },
);

test("records come back as they were packed, from any place on", () => {
  fc.assert(
    fc.property(outputs, outputs, fc.nat(40), fc.nat(40), (first, second, skip, limit) => {
      const { packed, chunks } = pack([first, second].map((section) => section.map((each): Output => ({ topic: raw, ...each }))));
      const read = [first, second].flatMap((section, i) => {
        const [chunk] = chunks[i] ?? [];
        if (chunk === undefined) return section;
        expect(chunk.records).toBe(section.length);
        const all = packed.subarray(chunk.from, chunk.to);
        expect(unpack(all, skip, limit)).toEqual(unpack(all, 0, 1_000).slice(skip, skip + limit));
        return unpack(all, 0, 1_000);
      });
      expect(read.map(({ key, value, headers }) => ({ key, value, headers: { ...headers } }))).toEqual(
        [...first, ...second].map(({ key, value, headers }) => ({ key, value: new Uint8Array(value), headers: { ...headers } })),
      );
    }),
  );
});

test("a long section is several chunks that follow each other", () => {
  const many = Array.from({ length: 1_200 }, (_, i): Output => ({ topic: raw, key: `k${i}`, value: new Uint8Array(10) }));
  const { packed, chunks } = pack([many]);
  const ofSection = chunks[0] ?? [];
  expect(ofSection.map((chunk) => chunk.records)).toEqual([500, 500, 200]);
  const keys = ofSection.flatMap(({ from, to }) => unpack(packed.subarray(from, to), 0, 1_000).map((record) => record.key));
  expect(keys).toEqual(many.map((output) => output.key));
});
