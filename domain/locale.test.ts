import { expect, test } from "vitest";
import { fallback, localeFor, normaliseLocale } from "#domain/locale.ts";

test.each([
  ["pt-br", "pt-BR"],
  ["PT_br", "pt-BR"],
  ["zh-hant-tw", "zh-Hant-TW"],
  ["en", "en"],
  ["", undefined],
  ["no such", undefined],
  ["*", undefined],
])("%j is the locale %j", (text, tag) => {
  expect(normaliseLocale(text)).toBe(tag);
});

test.each([
  ["pt-BR", ["pt-BR", "pt", "en"], "pt-BR"],
  ["pt-BR", ["pt", "en"], "pt"],
  ["pt-BR", ["en", "de"], "en"],
  ["zh-Hant-TW", ["zh-Hant", "zh", "en"], "zh-Hant"],
  ["pt", ["pt-BR", "en"], "en"],
  ["", ["pt", "en"], "en"],
  ["fr", ["pt"], undefined],
])("who wants %j where there are %j gets %j, en being the default", (wanted, there, gets) => {
  expect(fallback(wanted, "en", new Set(there))).toBe(gets);
});

test("what was asked for comes before what the person reads, and what is no locale counts as none", () => {
  expect(localeFor("de", "pt_BR")).toBe("de");
  expect(localeFor("", "pt_BR")).toBe("pt-BR");
  expect(localeFor("", "what is this")).toBe("");
});
