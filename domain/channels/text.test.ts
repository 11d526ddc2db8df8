import { expect, it } from "vitest";
import { plainText } from "#domain/channels/text.ts";

it("tells what a reader without HTML would want to see", () => {
  expect(plainText('<h1>Paid</h1><p>We received <b>9.99</b>, <a href="https://x.test/o">see it</a>.</p><img src="p.png">')).toBe(
    "Paid\n\nWe received 9.99, see it <https://x.test/o>.",
  );
  expect(plainText('<a href="https://x.test">https://x.test</a>')).toBe("https://x.test");
});

it("reads also what is nested out of all reason", () => {
  expect(plainText(`${"<div>".repeat(20_000)}deep${"</div>".repeat(20_000)}`)).toEqual(expect.any(String));
});
