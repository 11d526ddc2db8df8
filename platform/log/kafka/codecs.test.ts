import { describe, expect, test } from "vitest";
import { unpackLz4, unpackSnappy } from "./codecs.ts";

const words = Array.from({ length: 30 }, (_, i) => `notification ${i % 7}${(i * 31) % 13 === 0 ? " für Zoë; " : "; "}`);
const text = `${words.join("")}${"a".repeat(81)}`;

/** Made by Kafka's own Java client and by snappy-java 1.1.10 from that text. */
const lz4 = Buffer.from(
  "BCJNGGBAgmAAAAD5C25vdGlmaWNhdGlvbiAwIGbDvHIgWm/DqzsgGgAbMRAAGzIQABszEAAbNBAAGzUQABs2EAAbMBAAD3AAPg/aAAYPegBOC9oAD3AAPg/aAAYPZAEQH2EBADhQYWFhYWEAAAAA",
  "base64",
);
const xerial = Buffer.from(
  "glNOQVBQWQAAAAABAAAAAQAAAGnPBGRub3RpZmljYXRpb24gMCBmw7xyIFpvw6s7IDIaAAAxOhAAADI6EAAAMzoQAAA0OhAAADU6EAAANjoQAAAwOhAA/nAAQnAAYtoA/noAgnoAOtoA/nAAQnAAYtoAinoAAGH+AQA+AQA=",
  "base64",
);
const snappy = Buffer.from(
  "zwRkbm90aWZpY2F0aW9uIDAgZsO8ciBab8OrOyAyGgAAMToQAAAyOhAAADM6EAAANDoQAAA1OhAAADY6EAAAMDoQAP5wAEJwAGLaAP56AIJ6ADraAP5wAEJwAGLaAIp6AABh/gEAPgEA",
  "base64",
);

test("what Java's clients pack with lz4 and snappy is unpacked", () => {
  expect(unpackLz4(lz4).toString()).toBe(text);
  expect(unpackSnappy(xerial).toString()).toBe(text);
  expect(unpackSnappy(snappy).toString()).toBe(text);
});

describe("broken data is refused, and never runs away", () => {
  test.each([
    ["lz4", lz4, unpackLz4],
    ["snappy in frames", xerial, unpackSnappy],
    ["snappy", snappy, unpackSnappy],
  ] as const)("%s", (_, data, unpack) => {
    for (let length = 0; length < data.length; length++) {
      const cut = data.subarray(0, length);
      try {
        expect(Buffer.from(text).indexOf(unpack(cut))).toBe(0);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
    for (let at = 0; at < data.length; at++) {
      const wrong = Buffer.from(data);
      wrong[at] = (wrong[at] as number) ^ 0xff;
      try {
        unpack(wrong);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
  });
});
