/** The name that somebody probably meant to write, for "did you mean …?". Pure. */
import { distance } from "fastest-levenshtein";

/** Letters and digits are what counts: `user_id`, `userId` and `USER-ID` are one name. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");

/** A word with this many letters says something even inside of another: "webpush". */
const LEAST_INSIDE = 3;

/** The words of a name: `notificationId` and `notification_id` are notification and id. */
const wordsOf = (name: string): string[] =>
  name
    .replaceAll(/([\p{Ll}\p{N}])(\p{Lu})/gu, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");

/** Whether one of them is how the other ends: `id` is `notification_id`, and `replayId` is `id`. */
function isShortFor(one: string, other: string): boolean {
  const [short = [], long = []] = [wordsOf(one), wordsOf(other)].sort((a, b) => a.length - b.length);
  return short.length > 0 && long.slice(-short.length).join(" ") === short.join(" ");
}

/**
 * The nearest of `known`; undefined when none is near: up to a third of the letters may be wrong, or there may be more around it, or it is
 * the only one that ends in the same words.
 */
export function nearest(written: string, known: readonly string[]): string | undefined {
  const meant = plain(written);
  const isNear = (name: string, off: number) =>
    off <= Math.ceil(meant.length / 3) || (name.length >= LEAST_INSIDE && meant.length > name.length && meant.includes(name));
  const near = known
    .map((name) => ({ name, off: distance(meant, plain(name)) }))
    .filter(({ name, off }) => isNear(plain(name), off))
    .sort((one, other) => one.off - other.off);
  if (near[0]) return near[0].name;
  const [only, ...others] = known.filter((name) => isShortFor(written, name));
  return others.length === 0 ? only : undefined;
}

/** As the end of a sentence; empty when nothing is near. */
export function didYouMean(written: string, known: readonly string[]): string {
  const name = nearest(written, known);
  return name === undefined ? "" : `; did you mean "${name}"?`;
}

/** The same for a name that somebody chose among few, which are told where nothing is near. */
export const didYouMeanAmong = (written: string, known: readonly string[]): string =>
  didYouMean(written, known) || `; known are ${known.join(", ")}`;
