/** The name that somebody probably meant to write, for "did you mean …?". Pure. */
import { distance } from "fastest-levenshtein";

/** Letters and digits are what counts: `user_id`, `userId` and `USER-ID` are one name. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");

/** A word with this many letters says something even inside of another: "webpush". */
const LEAST_INSIDE = 3;

/** The nearest of `known`; undefined when none is near: up to a third of the letters may be wrong, or there may be more around it. */
export function nearest(written: string, known: readonly string[]): string | undefined {
  const meant = plain(written);
  const isNear = (name: string, off: number) =>
    off <= Math.ceil(meant.length / 3) || (name.length >= LEAST_INSIDE && meant.length > name.length && meant.includes(name));
  const near = known
    .map((name) => ({ name, off: distance(meant, plain(name)) }))
    .filter(({ name, off }) => isNear(plain(name), off))
    .sort((one, other) => one.off - other.off);
  return near[0]?.name;
}

/** As the end of a sentence; empty when nothing is near. */
export function didYouMean(written: string, known: readonly string[]): string {
  const name = nearest(written, known);
  return name === undefined ? "" : `; did you mean "${name}"?`;
}

/** The same for a name that somebody chose among few, which are told where nothing is near. */
export const didYouMeanAmong = (written: string, known: readonly string[]): string =>
  didYouMean(written, known) || `; known are ${known.join(", ")}`;
