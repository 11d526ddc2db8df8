/**
 * What the ledger's scripts and keys say, read strictly: of what is not as it must be, its own send hears, and no other.
 *
 * A bar that cannot be read bars: whom nothing may be sent to is not guessed at.
 */
import type { Hold, Intent, Progress, SendState } from "./ledger.ts";
import { isSettledState, UNREADABLE } from "./rules.ts";

const NUMBER = /^\d{1,16}$/;

/** The numbers, or undefined where one of the words is none. */
function numbers(words: readonly string[], count: number): readonly number[] | undefined {
  return words.length === count && words.every((word) => NUMBER.test(word)) ? words.map(Number) : undefined;
}

const progress = ([attempt, wait]: readonly number[]): Progress => ({ attempt: attempt as number, wait: wait as number });

export function intentOf(reply: unknown): Intent {
  const [is = "", ...words] = textOf(reply).split(" ");
  if (is === "malformed") return { is, detail: UNREADABLE };
  return read(is, words) ?? { is: "malformed", detail: "the ledger gave an answer about this send that cannot be read" };
}

function read(is: string, words: readonly string[]): Intent | undefined {
  switch (is) {
    case "send":
    case "unknown":
      return words.length === 0 ? { is } : undefined;
    case "leased": {
      const told = numbers(words, 1);
      return told && { is, untilMs: told[0] as number };
    }
    case "canceled": {
      const told = numbers(words, 1);
      return told && { is, atMs: told[0] as number };
    }
    case "repeat": {
      if (words.length === 0) return { is };
      const told = numbers(words, 3);
      return told && { is, expected: { ...progress(told), atMs: told[2] as number } };
    }
    case "settled": {
      const [state, ...rest] = words;
      const told = numbers(rest, 3);
      return told && isSettledState(state) ? { is, state, by: progress(told), atMs: told[2] as number } : undefined;
    }
    default:
      return undefined;
  }
}

/** What cannot be read is no reason to send. */
export function holdOf(reply: unknown): Hold {
  const is = textOf(reply);
  return is === "held" || is === "canceled" ? is : "lost";
}

export const stateOf = (word: string): SendState => (word === "leased" || word === "released" || isSettledState(word) ? word : "malformed");

/** `said`: what is kept under a name, empty for nothing. Kept as 1 or 0, a blank and a time (suppress.lua). */
export const isSuppressedBy = (said: string): boolean => said !== "" && !/^0 \d+$/.test(said);

export const isErasedBy = (said: string, acceptedAtMs: number): boolean => said !== "" && !(acceptedAtMs > Number(said));

/** Scripts answer in bytes. */
const textOf = (reply: unknown): string => (reply instanceof Uint8Array || typeof reply === "string" ? String(reply) : "");
