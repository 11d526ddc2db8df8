import { expect, test } from "vitest";
import { argumentsOf } from "./arguments.ts";

const options = { last: { type: "string" }, follow: { type: "boolean" } } as const;
const read = (...args: string[]) => argumentsOf({ args, options, allowPositionals: true });

test("what is right is read as it stands", () => {
  expect(read("topic", "--last", "3", "--follow")).toMatchObject({ values: { last: "3", follow: true }, positionals: ["topic"] });
  expect(read("--last=-3").values).toEqual({ last: "-3" });
});

test.each([
  [["--lst", "3"], 'There is no option --lst; did you mean "--last"?'],
  [["--entirely-else"], "There is no option --entirely-else."],
  [["--constructor"], "There is no option --constructor."],
  [["-x"], "There is no option -x."],
  [["--follow=yes"], "--follow takes no value."],
  [["--last"], "--last needs a value."],
  [["--last", "--follow"], "--last needs a value."],
])("%j is told in a sentence", (args, said) => {
  expect(() => read(...args)).toThrow(new Error(said));
});

test("a word where only options are taken is told with what there are", () => {
  expect(() => argumentsOf({ args: ["three"], options })).toThrow('"three" is no option; there are --last, --follow.');
});
