import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { MAX_EXPIRY_MS, metadataFault, sizeFault } from "#domain/bounds.ts";
import { RETENTION_MS } from "#domain/topics.ts";

const nested = (depth: number, wrap: (inner: JsonValue) => JsonValue): JsonValue => (depth === 1 ? wrap(0) : wrap(nested(depth - 1, wrap)));

describe("the size of a notification", () => {
  it("is at most 256 KiB", () => {
    expect(sizeFault(256 * 1024, 1)).toBeUndefined();
    expect(sizeFault(256 * 1024 + 1, 1)).toMatchObject({ field: "content" });
  });

  it("is bounded over all recipients, since each of them gets a copy", () => {
    expect(sizeFault(256 * 1024, 128)).toBeUndefined();
    expect(sizeFault(256 * 1024, 129)).toEqual({
      field: "recipients",
      description: "must be at most 128 for a notification of this size; send it in several",
    });
    expect(sizeFault(32 * 1024, 1_000)).toBeUndefined();
  });
});

describe("metadata", () => {
  it("may be any JSON that is not large", () => {
    for (const fine of [{}, { order: { id: 7, lines: [1, "two", null, true] } }, { "": "x".repeat(16_000) }])
      expect(metadataFault(fine)).toBeUndefined();
  });

  it("is at most 16 KiB, as its JSON is in UTF-8", () => {
    const frame = JSON.stringify({ text: "" }).length;
    expect(metadataFault({ text: "x".repeat(16_384 - frame) })).toBeUndefined();
    expect(metadataFault({ text: "x".repeat(16_385 - frame) })).toBe("must be at most 16 KiB as JSON");
    expect(metadataFault({ text: "ä".repeat(8_192) })).toBe("must be at most 16 KiB as JSON");
  });

  it.each([
    ["objects", (inner: JsonValue) => ({ in: inner })],
    ["lists", (inner: JsonValue) => [inner]],
  ])("is nested at most 24 deep: %s", (_, wrap) => {
    const deep = (depth: number): JsonObject => ({ in: nested(depth - 1, wrap) });
    expect(metadataFault(deep(24))).toBeUndefined();
    expect(metadataFault(deep(25))).toBe("must be nested at most 24 deep");
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("holds no %d, wherever it is, since no JSON can tell it", (number) => {
    for (const metadata of [{ number }, { list: [1, { number }] }]) expect(metadataFault(metadata)).toBe("must hold finite numbers only");
  });
});

it("no notification may live longer than the log that carries it", () => {
  expect(MAX_EXPIRY_MS).toBeLessThan(RETENTION_MS);
});
