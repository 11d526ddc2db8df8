/**
 * The contracts' patterns, on the platform's own engine: many times faster than RE2 in JavaScript. They are ours and need none of its
 * guarantees.
 */
const patterns = new Map<string, RegExp>();

export function matches(pattern: string, against: string): boolean {
  let known = patterns.get(pattern);
  if (!known) {
    known = new RegExp(pattern, "u");
    patterns.set(pattern, known);
  }
  return known.test(against);
}
