import { create } from "@bufbuild/protobuf";
import { describe, expect, it, test } from "vitest";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { SourceSchema } from "#gen/carillon/templates/v1/templates_pb.ts";
import { orderPaid, type SourceInit } from "../../test/fakes/templates.ts";
import { checkSource, compileSource, normaliseSource } from "./source.ts";

const source = (init: SourceInit) => normaliseSource(create(SourceSchema, init));
const fields = (init: SourceInit) => checkSource(source(init)).map(({ field }) => field);
const { EMAIL, WEB } = Channel;
const email = (locale: string, title = "Hi") => ({ channel: EMAIL, locale, title });

describe("words are found by channel and locale", () => {
  const compiled = compileSource(source(orderPaid()));
  const title = (channel: Channel, wanted: string) => {
    const { content, locale } = compiled.fill(channel, wanted, { order: { total: 5 } });
    return `${locale}: ${content.title}`;
  };

  test.each([
    [EMAIL, "en", "en: Paid: 5"],
    [EMAIL, "pt", "pt: Pago: 5"],
    [EMAIL, "pt-BR", "pt: Pago: 5"],
    [EMAIL, "fr", "en: Paid: 5"],
    [EMAIL, "", "en: Paid: 5"],
    [WEB, "pt-BR", "en: Paid"],
  ])("channel %i in %j", (channel, wanted, expected) => {
    expect(title(channel, wanted)).toBe(expected);
  });

  it("and locales are the same however they are written", () => {
    const written = compileSource(source({ defaultLocale: "EN", contents: [email("en"), email("PT_br", "Oi")] }));
    expect(written.fill(EMAIL, "pt-BR", {}).content.title).toBe("Oi");
  });
});

describe("what is wrong is told with its place", () => {
  test.each<[string, SourceInit, string[]]>([
    ["nothing", orderPaid(), []],
    ["no locale", { defaultLocale: "no locale", contents: [email("no locale")] }, ["default_locale", "contents[0].locale"]],
    ["the same twice", { defaultLocale: "en", contents: [email("en"), email("EN")] }, ["contents[1].locale"]],
    [
      "no words in the default locale",
      { defaultLocale: "en", contents: [email("en"), { channel: WEB, locale: "de", title: "Hallo" }] },
      ["contents"],
    ],
    ["no words", { defaultLocale: "en", contents: [email("en", "")] }, ["contents[0]"]],
    ["HTML on a web notification", { defaultLocale: "en", contents: [{ channel: WEB, locale: "en", html: "<p>" }] }, ["contents[0].html"]],
    ["a bad schema", { ...orderPaid(), inputSchema: { type: "thing" } }, ["input_schema.type"]],
    [
      "more than may be parsed",
      {
        defaultLocale: "en",
        contents: Array.from({ length: 41 }, (_, n) => ({ ...email(`en-x-${n}`), body: "{{#if a}}{{/if}}".repeat(100) })),
      },
      ["contents"],
    ],
  ])("%s", (_what, init, expected) => {
    expect(fields(init)).toEqual(expected);
  });

  it("in every part at once", () => {
    const words = { channel: EMAIL, locale: "en", title: "{{a", body: "{{#if a}}", html: "<p>\n{{{a}}}" };
    expect(checkSource(source({ defaultLocale: "en", contents: [words] })).map(({ field, line, column }) => [field, line, column])).toEqual(
      [
        ["contents[0].title", 1, 3],
        ["contents[0].body", 1, 10],
        ["contents[0].html", 2, 1],
      ],
    );
  });
});

test("what cannot be filled in names the part, the line and the column", () => {
  const compiled = compileSource(source({ defaultLocale: "en", contents: [{ ...email("en"), body: "\n {{a}}" }] }));
  expect(() => compiled.fill(EMAIL, "en", { a: {} })).toThrow("body, line 2, column 4: a is an object");
  expect(() => compiled.fill(WEB, "en", {})).toThrow("has no words for web");
});
