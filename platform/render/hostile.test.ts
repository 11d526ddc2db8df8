/** Templates and data that want to do harm. Each ends in text or in TemplateProblem, soon, and in the same way every time. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { MAX_OUTPUT_CHARS } from "./limits.ts";
import { TemplateProblem } from "./problem.ts";
import { compileText } from "./text.ts";

const list = (length: number) => Array.from({ length }, (_, index) => index);
const repeated = (text: string, times: number) => text.repeat(times);
const nested = (opening: string, closing: string, depth: number) => repeated(opening, depth) + repeated(closing, depth);

/** The text, or the message of the problem. */
function outcome(source: string, data: unknown): { text?: string; problem?: string } {
  try {
    return { text: compileText(source, "html")(data) };
  } catch (error) {
    expect(error).toBeInstanceOf(TemplateProblem);
    return { problem: (error as Error).message };
  }
}

describe("a hostile template", () => {
  test.each([
    ["blocks within blocks, 21 of them", nested("{{#if a}}", "{{/if}}", 21), "within one another at most 20"],
    ["blocks within blocks, 100,000 of them", nested("{{#if a}}", "{{/if}}", 100_000), "characters"],
    ["blocks within blocks, 4,000 of them", nested("{{#if a}}", "{{/if}}", 4_000), "tags"],
    ["blocks within blocks, 900 of them", nested("{{#if a}}", "{{/if}}", 900), "blocks"],
    ["a chain of else if", `{{#if a}}${repeated("{{else if a}}", 300)}{{/if}}`, "blocks"],
    ["blocks closed in comments", repeated("{{#if a}}{{!-- {{/if}} --}}", 600), "blocks"],
    ["raw blocks within one another", nested("{{{{a}}}}", "{{{{/a}}}}", 300), "blocks"],
    ["each over each over each", "{{#each a}}{{#each ../a}}{{#each ../../a}}x{{/each}}{{/each}}{{/each}}", "entries of lists"],
    ["an each without any output", `{{#each a}}${repeated("{{#each ../a}}{{/each}}", 50)}{{/each}}`, "entries of lists"],
    ["long paths, over and over", `{{#each a}}${repeated(`{{${repeated("a.", 2_990)}a}}`, 10)}{{/each}}`, "parts of paths"],
    ["tags without any output", `{{#each a}}${repeated("{{no}}", 1_500)}{{/each}}`, "tags"],
    ["an output without end", `{{#each a}}${repeated("x", 10_000)}{{/each}}`, "longer than"],
    ["a text as long as may be, over and over", repeated("{{long}}", 100), "longer than"],
    ["65,537 characters", repeated("x", 65_537), "characters"],
    ["tags without end", repeated("{{", 32_768), "tags"],
    ["brackets without end", `{{[${repeated("\\]", 30_000)}`, "ends before"],
    ["quotes without end", `{{"${repeated('\\"', 30_000)}`, "ends before"],
    ["comments that never close", repeated("{{!--", 1_500), "never closed"],
    ["a path without end", `{{${repeated("a.", 30_000)}}}`, "one path"],
  ])("%s is refused", (_what, source, says) => {
    expect(outcome(source, { a: list(200), long: "x".repeat(10_000) }).problem).toContain(says);
  });

  test.each([
    ["backslashes", repeated("\\\\{{a}}", 1_900)],
    ["blanks", `{{${repeated(" ", 60_000)}a}}`],
    ["blank lines", `${repeated("\n \n", 20_000)}{{#if a}}\n{{/if}}\n`],
    ["a long path", `{{${repeated("a.", 10_000)}a}}`],
    ["anything but ASCII", "{{ä.ö}}{{[😀]}}{{a.ﬀ}}\u202e{{a}}\u0000".slice(0, -1)],
    ["braces that are none", repeated("} { }} {", 8_000)],
  ])("%s do no harm", (_what, source) => {
    expect(outcome(source, { a: 1 }).text).toBeDefined();
  });

  it("cannot reach what a prototype brings along", () => {
    const data = {
      text: "x",
      list: [1],
      made: Object.create({ inherited: "secret" }),
      own: JSON.parse('{"__proto__":{"polluted":"yes"}}'),
    };
    const source =
      "{{toString}}{{valueOf}}{{hasOwnProperty}}{{text.length}}{{text.at}}{{list.map}}{{list.concat}}{{made.inherited}}{{own.polluted}}";
    expect(outcome(source, data)).toEqual({ text: "" });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe("hostile data", () => {
  it("has no getter run, no toString called, no iterator asked", () => {
    const called: string[] = [];
    const trap = (name: string) => () => {
      called.push(name);
      return "ran";
    };
    const data = {
      get getter() {
        return trap("getter")();
      },
      object: { toString: trap("toString"), valueOf: trap("valueOf"), [Symbol.toPrimitive]: trap("toPrimitive"), toHTML: trap("toHTML") },
      list: Object.assign([1, 2], { [Symbol.iterator]: trap("iterator"), toString: trap("toString") }),
      run: trap("function"),
    };
    expect(outcome("[{{getter}}]{{#each list}}{{this}}{{/each}}", data)).toEqual({ text: "[]12" });
    expect(outcome("{{object}}", data).problem).toContain("object");
    expect(outcome("{{run}}", data).problem).toContain("run is");
    expect(called).toEqual([]);
  });

  it("that throws when it is looked at ends in the engine's own error", () => {
    const proxy = new Proxy(
      {},
      {
        getOwnPropertyDescriptor: () => {
          throw new Error("secret");
        },
      },
    );
    expect(outcome("{{a}}", proxy).problem).toBe("the data is not plain");
  });

  it("as a list of a thousand million entries is given up on", () => {
    expect(outcome("{{#each a}}{{/each}}", { a: new Array(1_000_000_000) }).problem).toContain("entries of lists");
  });

  it("of any shape never makes an error of another kind, and never more text than there may be", () => {
    const pieces = fc.constantFrom(
      "{{",
      "}}",
      "{{{",
      "}}}",
      "#if ",
      "#each ",
      "/if",
      "/each",
      "else",
      "a",
      "b",
      ".",
      "/",
      "../",
      "this",
      "@index",
      " ",
    );
    const others = fc.constantFrom(
      "!--",
      "--",
      "~",
      "[",
      "]",
      "(",
      ")",
      "|",
      "as",
      "=",
      "'",
      '"',
      "\\",
      "\n",
      ">",
      "*",
      "&",
      "^",
      "constructor",
      "\0",
    );
    const soup = fc.array(fc.oneof(pieces, pieces, others, fc.string({ maxLength: 3 })), { maxLength: 30 }).map((all) => all.join(""));
    fc.assert(
      fc.property(soup, fc.anything({ withBigInt: true, withSparseArray: true, withNullPrototype: true }), (source, a) => {
        const { text = "" } = outcome(source, { a, b: [a] });
        expect(text.length).toBeLessThanOrEqual(MAX_OUTPUT_CHARS);
      }),
      { numRuns: 3_000 },
    );
  });

  it("never stands in HTML as it is", () => {
    const values = fc.string({ unit: fc.constantFrom(..."<>&\"'`=/ax ;#") });
    const quoted = /&(amp|lt|gt|quot|#x27|#x60|#x3D);/g;
    fc.assert(
      fc.property(values, values, (a, b) => {
        const text = compileText("⟦{{a}}⟧{{#each list}}⟦{{this}}⟧{{/each}}⟦{{o.b}}⟧", "html")({ a, list: [b, a], o: { b } });
        for (const [, filledIn = ""] of text.matchAll(/⟦([^⟧]*)⟧/g)) expect(filledIn.replace(quoted, "")).not.toMatch(/[<>&"'`=]/);
      }),
    );
  });
});
