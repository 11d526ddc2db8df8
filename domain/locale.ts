/** Locales: BCP 47 tags, and which words to take where there are none in the locale that was wanted. Pure. */

/** The tag as it is written ("pt-BR" for "PT_br"); undefined when it is none. */
export function normaliseLocale(text: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(text.replaceAll("_", "-"))[0];
  } catch {
    return undefined;
  }
}

/** The first of `there` that serves: the wanted locale, then what is left of it from the right (pt-BR, pt), then the default. */
export function fallback(wanted: string, defaultLocale: string, there: ReadonlySet<string>): string | undefined {
  for (let tag = wanted; tag !== ""; tag = tag.slice(0, Math.max(0, tag.lastIndexOf("-")))) if (there.has(tag)) return tag;
  return there.has(defaultLocale) ? defaultLocale : undefined;
}

/** What was asked for comes first, then the person's own; empty: the template's default. A person's that is no tag counts as none. */
export const localeFor = (asked: string, own: string): string => asked || (normaliseLocale(own) ?? "");
