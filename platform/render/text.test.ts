import fc from "fast-check";
import Handlebars from "handlebars";
import { describe, expect, it, test } from "vitest";
import type { Kind } from "./parse.ts";
import { TemplateProblem } from "./problem.ts";
import { compileText, compileTitle } from "./text.ts";

const filled = (source: string, data: unknown, kind: Kind = "text") => compileText(source, kind)(data);

describe("the grammar", () => {
  test.each([
    ["a path", "{{order.total}}", { order: { total: 9.5 } }, "9.5"],
    ["a path with slashes and with names in brackets", "{{a/b}} {{a.[c d]}}", { a: { b: 1, "c d": 2 } }, "1 2"],
    ["a place in a list, and how long it is", "{{a.[0]}}{{a.[1]}}{{a.length}}", { a: ["x", "y"] }, "xy2"],
    ["text, numbers and truth values", "{{s}}{{n}}{{z}}{{t}}{{f}}", { s: "s", n: -1.5, z: 0, t: true, f: false }, "s-1.50truefalse"],
    ["what is not there, and null", "[{{a}}{{b.c.d}}{{n}}{{n.x}}]", { n: null }, "[]"],
    ["this", "{{#each a}}{{this}}{{./this}}{{/each}}", { a: [1, 2] }, "1122"],
    ["if and else", "{{#if a}}1{{else}}2{{/if}}", { a: "" }, "2"],
    ["else if", "{{#if a}}1{{else if b}}2{{else}}3{{/if}}", { b: true }, "2"],
    ["what counts as no", "{{#if a}}1{{/if}}{{#if b}}2{{/if}}{{#if c}}3{{/if}}{{#if d}}4{{/if}}", { a: 0, b: [], c: null, d: {} }, "4"],
    [
      "each with its counters",
      "{{#each a}}{{#if @first}}<{{/if}}{{@index}}{{#if @last}}>{{/if}}{{/each}}",
      { a: "xyz".split("") },
      "<012>",
    ],
    ["each of nothing", "{{#each a}}x{{else}}none{{/each}}", {}, "none"],
    [
      "each within each, and outwards",
      "{{#each a}}{{#each b}}{{../c}}{{../../d}}{{this}}{{/each}}{{/each}}",
      { d: "d", a: [{ c: "c", b: [1] }] },
      "cd1",
    ],
    ["comments", "a{{! x }}{{!-- {{y}} --}}b", {}, "ab"],
    ["whitespace taken away", "a {{~b~}} c", { b: 1 }, "a1c"],
    ["blocks on lines of their own", "a\n{{#if b}}\nb\n{{/if}}\nc", { b: 1 }, "a\nb\nc"],
    ["braces that are meant", "\\{{a}} {{a}}", { a: 1 }, "{{a}} 1"],
    ["more braces, where nothing is escaped", "{{{a}}}{{&a}}", { a: "<" }, "<<"],
    ["a name of a helper, said as a path", "{{this.log}}{{./lookup}}", { log: 1, lookup: 2 }, "12"],
  ])("%s", (_what, source, data, text) => {
    expect(filled(source, data)).toBe(text);
  });

  test("what is filled in is escaped in HTML, and what the author wrote is not", () => {
    expect(filled("<p>{{a}}</p>", { a: `<b>&"'\`=` }, "html")).toBe("<p>&lt;b&gt;&amp;&quot;&#x27;&#x60;&#x3D;</p>");
    expect(filled("<p>{{a}}</p>", { a: "<b>&" })).toBe("<p><b>&</p>");
  });

  test("a title is one line, of 512 characters at most", () => {
    expect(compileTitle("Paid:\n{{a}} ")({ a: "x\r\nBcc: all@example.test\u2028\0y" })).toBe("Paid: x Bcc: all@example.test y");
    expect(compileTitle("{{a}}")({ a: "x".repeat(2_000) })).toHaveLength(512);
    expect(compileTitle("{{a}}")({ a: `${"x".repeat(510)}😀😀` })).toBe(`${"x".repeat(510)}…`);
  });

  test("half of a surrogate pair is not let out", () => {
    expect(filled("{{a}}", { a: "x\ud800y" })).toBe("x\ufffdy");
  });
});

const problemOf = (run: () => unknown): TemplateProblem => {
  try {
    run();
  } catch (error) {
    return error as TemplateProblem;
  }
  return expect.fail("was taken");
};

describe("what is not part of the grammar is refused, with its place", () => {
  test.each([
    ["a partial", "one\n  {{> footer}}", 2, 3, "partials"],
    ["a partial block", "{{#> layout}}x{{/layout}}", 1, 1, "partials"],
    ["a dynamic partial", "{{> (lookup . 'a')}}", 1, 1, "partials"],
    ["a decorator", "{{* a}}", 1, 1, "decorators"],
    ["an inline partial", "{{#*inline 'a'}}x{{/inline}}", 1, 1, "decorators"],
    ["a sub-expression", "{{#if (eq a b)}}x{{/if}}", 1, 7, "sub-expressions"],
    ["a helper", "{{upper a}}", 1, 1, "helpers"],
    ["a helper with named values", "{{a b=1}}", 1, 1, "helpers"],
    ["lookup", "{{lookup a b}}", 1, 1, "helpers"],
    ["a helper's name", "{{log}}", 1, 3, "this.log"],
    ["unless", "{{#unless a}}x{{/unless}}", 1, 1, "the only blocks"],
    ["with", "{{#with a}}x{{/with}}", 1, 1, "the only blocks"],
    ["a block of any name", "{{#items}}x{{/items}}", 1, 1, "the only blocks"],
    ["an inverted block", "{{^items}}x{{/items}}", 1, 1, "the only blocks"],
    ["a raw block", "{{{{raw}}}}x{{{{/raw}}}}", 1, 1, "the only blocks"],
    ["names for entries", "{{#each a as |b|}}x{{/each}}", 1, 1, "as"],
    ["a switch of if", "{{#if a includeZero=true}}x{{/if}}", 1, 1, "one path"],
    ["two paths", "{{#each a b}}x{{/each}}", 1, 1, "one path"],
    ["a fixed value", "{{#if true}}x{{/if}}", 1, 7, "fixed value"],
    ["@root", "{{@root.a}}", 1, 3, "@index"],
    ["@key", "{{#each a}}{{@key}}{{/each}}", 1, 14, "@index"],
    ["the counter of an outer each", "{{#each a}}{{#each b}}{{@../index}}{{/each}}{{/each}}", 1, 25, "@index"],
    ["a counter outside of each", "{{@index}}", 1, 3, "only within"],
    ["more steps outwards than there are", "{{#each a}}{{../../b}}{{/each}}", 1, 14, "leads out"],
    ["constructor", "{{a.constructor.name}}", 1, 3, '"constructor"'],
    ["constructor in brackets", "{{#each a}}{{this.[constructor]}}{{/each}}", 1, 14, '"constructor"'],
    ["__proto__", "{{#if __proto__.a}}x{{/if}}", 1, 7, '"__proto__"'],
    ["prototype", "{{a/prototype}}", 1, 3, '"prototype"'],
    ["__lookupGetter__", "{{__lookupGetter__}}", 1, 3, '"__lookupGetter__"'],
    ["a block that is not closed", "ab {{#if a}} c", 1, 15, "ends before"],
    ["a block closed by another", "x\n{{#if a}}{{/each}}", 2, 4, "doesn't match"],
    ["a close too many", "x {{/if}}", 1, 3, "not opened"],
    ["else without a block", "x\n{{else}}", 2, 1, "outside of a block"],
    ["a tag that is not closed", "x {{a", 1, 5, "cannot stand"],
    ["an empty tag", "x {{}}", 1, 5, "too early"],
    ["braces that do not match", "{{{a}}", 1, 5, "braces"],
    ["a comment that is not closed", "a\n{{!-- b", 2, 1, "never closed"],
    ["a number without brackets", "{{a.0}}", 1, 5, "brackets"],
    ["a NUL", "a\0{{b}}", 1, 2, "cannot be read"],
  ])("%s", (_what, source, line, column, says) => {
    const problem = problemOf(() => compileText(source, "text"));
    expect(problem).toBeInstanceOf(TemplateProblem);
    expect(problem.message).toContain(says);
    expect(problem.at).toEqual({ line, column });
    expect(problem.message).toContain(`line ${line}, column ${column}: `);
  });

  test.each(["{{{a}}}", "{{&a}}", "{{~{a}~}}"])("%s in HTML", (source) => {
    expect(problemOf(() => compileText(`\n${source}`, "html"))).toMatchObject({ at: { line: 2, column: 1 } });
  });

  test.each([
    ["an object", "{{a}}", { a: {} }, "a is an object"],
    ["a list", "{{a}}", { a: [1] }, "a is a list"],
    ["the data itself", "{{this}}", {}, "this is an object"],
    ["each of a text", "{{#each a}}x{{/each}}", { a: "text" }, "a is not a list"],
    ["each of an object", "{{#each a}}x{{/each}}", { a: { b: 1 } }, "a is not a list"],
  ])("%s cannot be shown, and the message does not hold it", (_what, source, data, says) => {
    expect(problemOf(() => filled(source, data)).message).toContain(says);
  });
});

describe("beside Handlebars itself", () => {
  const path = fc.constantFrom("a", "b", "a.b", "list", "list.[0]", "this.a", "./b", "a/b", "none");
  const inEach = fc.constantFrom("this", "../a", "@index", "@first", "@last", "b", "../list.[0]");
  const content = fc.constantFrom(" ", "\n", "x", "<p>", "\n  ", "a\n", "}", "{ ");
  const strip = fc.constantFrom("", "", "", "~");
  const tag = (inner: fc.Arbitrary<string>) => fc.tuple(strip, inner, strip).map(([left, said, right]) => `{{${left}${said}${right}}}`);
  const block = (opens: string, named: fc.Arbitrary<string>, body: fc.Arbitrary<string>) =>
    fc
      .tuple(
        tag(named.map((each) => `#${opens} ${each}`)),
        body,
        fc.option(fc.tuple(tag(fc.constant("else")), body)),
        tag(fc.constant(`/${opens}`)),
      )
      .map(([open, inner, other, close]) => `${open}${inner}${other ? other.join("") : ""}${close}`);
  const { source } = fc.letrec<{ source: string; one: string; inner: string; innerOne: string }>((tie) => ({
    source: fc.array(tie("one"), { maxLength: 6 }).map((all) => all.join("")),
    one: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      content,
      tag(path),
      tag(fc.constant("! said ")),
      block("if", path, tie("source")),
      block("each", fc.constant("list"), tie("inner")),
    ),
    inner: fc.array(tie("innerOne"), { maxLength: 5 }).map((all) => all.join("")),
    innerOne: fc.oneof({ depthSize: "small" }, content, tag(inEach), tag(path), block("if", inEach, tie("inner"))),
  }));
  const scalar = fc.oneof(fc.constantFrom("", "<b>", "x&y", "'=`\""), fc.integer({ min: -1, max: 2 }), fc.boolean());
  const data = fc.record(
    {
      a: fc.oneof(scalar, fc.record({ b: scalar }, { noNullPrototype: true })),
      b: scalar,
      list: fc.array(fc.oneof(scalar, fc.record({ a: scalar, b: scalar }, { noNullPrototype: true })), { maxLength: 3 }),
    },
    { requiredKeys: [], noNullPrototype: true },
  );

  it("says the same, blank for blank", () => {
    let compared = 0;
    fc.assert(
      fc.property(source, data, (template, values) => {
        let ours: string;
        try {
          ours = filled(template, values, "html");
        } catch (error) {
          // What Handlebars would show as [object Object].
          expect(error).toBeInstanceOf(TemplateProblem);
          return;
        }
        compared++;
        expect(ours).toBe(Handlebars.compile(template)(values));
      }),
      { numRuns: 2_000 },
    );
    expect(compared).toBeGreaterThan(500);
  });
});
