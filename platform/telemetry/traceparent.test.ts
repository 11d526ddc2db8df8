import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSampled, readTraceparent, spanIdOf, traceIdOf } from "./traceparent.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const valid = `00-${TRACE}-${SPAN}-01`;
const hex = (length: number) =>
  fc
    .array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
    .map((digits) => digits.join(""))
    .filter((text) => !/^0+$/.test(text));

describe("a traceparent", () => {
  it("of version 00 is taken as it is", () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 255 }), (trace, span, flags) => {
        const text = `00-${trace}-${span}-${flags.toString(16).padStart(2, "0")}`;
        expect(readTraceparent(text)).toBe(text);
        expect([traceIdOf(text), spanIdOf(text), isSampled(text)]).toEqual([trace, span, flags % 2 === 1]);
      }),
    );
  });

  it.each([
    ["absent", undefined],
    ["empty", ""],
    ["of capitals", valid.toUpperCase()],
    ["of no trace", `00-${"0".repeat(32)}-${SPAN}-01`],
    ["of no span", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["too short", valid.slice(0, -1)],
    ["longer than version 00 is", `${valid}-more`],
    ["of the version that is none", `ff${valid.slice(2)}`],
    ["not hexadecimal", valid.replace("4bf9", "4bfg")],
    ["of no flags", `00-${TRACE}-${SPAN}-`],
    ["followed by a line", `${valid}\nx-other: 1`],
    ["a novel", `cc${valid.slice(2)}-${"x".repeat(10_000)}`],
  ])("that is %s is as none", (_what, text) => {
    expect(readTraceparent(text)).toBeUndefined();
  });

  it("of a later version is read as far as every version goes", () => {
    expect(readTraceparent(`cc-${TRACE}-${SPAN}-01-what-the-future-adds`)).toBe(valid);
    expect(readTraceparent(`cc-${TRACE}-${SPAN}-00`)).toBe(`00-${TRACE}-${SPAN}-00`);
    expect(readTraceparent(`cc-${TRACE}-${SPAN}-01.what`)).toBeUndefined();
  });
});
