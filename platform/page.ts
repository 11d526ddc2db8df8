/** Page tokens of lists by time: where the next page begins, in a form that callers pass back and do not read. */
import { Problem } from "#domain/errors.ts";

/** A place in a list by time; two of one time stand by their ids, which are UUIDs. */
export interface Place {
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly id: string;
}

/** Before the first of a list that begins with the newest, and of one that begins with the oldest. */
export const NEWEST: Place = { atMs: Number.MAX_SAFE_INTEGER, id: "" };
export const OLDEST: Place = { atMs: -1, id: "" };

export const formatPageToken = ({ atMs, id }: Place): string => Buffer.from(`${atMs}/${id}`).toString("base64url");

/** Throws INVALID_REQUEST for what formatPageToken cannot have made. */
export function parsePageToken(token: string, first: Place): Place {
  if (token === "") return first;
  const [, atMs, id] = /^(\d{1,15})\/([0-9a-f-]{36})$/.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (atMs !== undefined && id !== undefined) return { atMs: Number(atMs), id };
  throw new Problem("INVALID_REQUEST", {
    violations: [{ field: "page_token", description: "must be a next_page_token as the call before answered it, or empty" }],
  });
}
