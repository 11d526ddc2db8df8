/** A version of a template: what is wrong with it as its author wrote it, and, where nothing is, ready to be filled in. */
import { toBinary } from "@bufbuild/protobuf";
import { nameOfChannel } from "#domain/channels/channel.ts";
import { fallback, normaliseLocale } from "#domain/locale.ts";
import type { Channel, Content } from "#gen/carillon/common/v1/common_pb.ts";
import { type Source, SourceSchema, type Words } from "#gen/carillon/templates/v1/templates_pb.ts";
import { MAX_VERSION_BLOCKS, MAX_VERSION_BYTES, MAX_VERSION_TAGS } from "./limits.ts";
import { sizeOf } from "./parse.ts";
import { TemplateProblem } from "./problem.ts";
import { type Check, checkSchema, compileSchema } from "./schema.ts";
import { type CompiledWords, checkWords, compileWords } from "./words.ts";

/** Where it is wrong, and how. Lines and columns count from 1; 0: the whole of it. */
export interface Found {
  readonly field: string;
  readonly line: number;
  readonly column: number;
  readonly description: string;
}

const found = (field: string, description: string, at = { line: 0, column: 0 }): Found => ({ field, ...at, description });

const LOCALE = "must be a BCP 47 tag like pt-BR";

/** The source with its locales as BCP 47 writes them; one that is no tag stays as it is, for checkSource to find. */
export const normaliseSource = (source: Source): Source => ({
  ...source,
  defaultLocale: normaliseLocale(source.defaultLocale) ?? source.defaultLocale,
  contents: source.contents.map((words) => ({ ...words, locale: normaliseLocale(words.locale) ?? words.locale })),
});

/** Everything that is wrong with a source. What it finds nothing in, compileSource takes. */
export function checkSource(source: Source): Found[] {
  const { defaultLocale, inputSchema, contents } = source;
  const tooMuch = checkSize(source);
  if (tooMuch) return [found("contents", tooMuch)];
  return [
    ...(normaliseLocale(defaultLocale) === defaultLocale ? [] : [found("default_locale", LOCALE)]),
    ...(inputSchema ? checkSchema(inputSchema) : []).map(({ field, description }) => found(field, description)),
    ...checkLocales(contents, defaultLocale),
    ...contents.flatMap((words, index) =>
      checkWords(words).map(({ part, problem: { says, at } }) => found([`contents[${index}]`, part].filter(Boolean).join("."), says, at)),
    ),
  ];
}

function checkSize(source: Source): string | undefined {
  if (toBinary(SourceSchema, source).length > MAX_VERSION_BYTES) return `must be at most ${MAX_VERSION_BYTES / 1_024} KiB altogether`;
  const sizes = source.contents.flatMap(({ title, body, html }) => [title, body, html]).map(sizeOf);
  const sum = (of: "tags" | "blocks") => sizes.reduce((all, size) => all + size[of], 0);
  if (sum("tags") > MAX_VERSION_TAGS) return `must have at most ${MAX_VERSION_TAGS} tags altogether`;
  if (sum("blocks") > MAX_VERSION_BLOCKS) return `must have at most ${MAX_VERSION_BLOCKS} blocks altogether`;
  return undefined;
}

function* pairs(contents: readonly Words[]): Iterable<{ words: Words; field: string; key: string }> {
  for (const [index, words] of contents.entries())
    yield { words, field: `contents[${index}].locale`, key: keyOf(words.channel, words.locale) };
}

function checkLocales(contents: readonly Words[], defaultLocale: string): Found[] {
  const all: Found[] = [];
  const seen = new Set<string>();
  for (const { words, field, key } of pairs(contents)) {
    if (normaliseLocale(words.locale) !== words.locale) all.push(found(field, LOCALE));
    if (seen.has(key)) all.push(found(field, `is there twice for ${nameOfChannel(words.channel)}`));
    seen.add(key);
  }
  for (const channel of channelsOf(contents))
    if (!seen.has(keyOf(channel, defaultLocale)))
      all.push(found("contents", `needs words for ${nameOfChannel(channel)} in the default locale, ${defaultLocale}`));
  return all;
}

export interface CompiledSource {
  /** Those that there are words for. */
  readonly channels: readonly Channel[];
  readonly check: Check;
  /** The words in the locale wanted, or in the nearest that there is; empty: the default one. Throws TemplateProblem. */
  fill(channel: Channel, wanted: string, data: unknown): { readonly content: Content; readonly locale: string };
}

/** `source` has passed checkSource. Words are compiled when they are first wanted. */
export function compileSource({ defaultLocale, inputSchema, contents }: Source): CompiledSource {
  const byKey = new Map(contents.map((words) => [keyOf(words.channel, words.locale), words]));
  const compiled = new Map<string, CompiledWords>();
  const locales = Map.groupBy(contents, ({ channel }) => channel);
  const wordsFor = (channel: Channel, wanted: string): CompiledWords => {
    const there = new Set((locales.get(channel) ?? []).map(({ locale }) => locale));
    const locale = fallback(wanted, defaultLocale, there);
    if (locale === undefined) throw new TemplateProblem(`has no words for ${nameOfChannel(channel)}`);
    const key = keyOf(channel, locale);
    const words = compiled.get(key) ?? compileWords(byKey.get(key) as Words);
    compiled.set(key, words);
    return words;
  };
  return {
    channels: channelsOf(contents),
    check: compileSchema(inputSchema ?? {}),
    fill(channel, wanted, data) {
      const words = wordsFor(channel, wanted);
      return { content: words.fill(data), locale: words.locale };
    },
  };
}

const channelsOf = (contents: readonly Words[]): Channel[] => [...new Set(contents.map(({ channel }) => channel))].sort((a, b) => a - b);

const keyOf = (channel: Channel, locale: string) => `${channel}/${locale}`;
