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

const PAGE_SIZE = 50;

/** What a call asks of a list: the size, 0 for as many as is usual, and the token of the page before, empty for the first. */
export interface PageAsked {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** A page of a list that begins with the newest. `read` answers at most so many, behind the place. */
export async function newestPage<T>(
  { pageSize, pageToken }: PageAsked,
  read: (after: Place, limit: number) => Promise<readonly T[]>,
  placeOf: (item: T) => Place,
): Promise<{ readonly page: readonly T[]; readonly nextPageToken: string }> {
  const limit = pageSize || PAGE_SIZE;
  // One more than asked for tells whether there is another page.
  const found = await read(parsePageToken(pageToken, NEWEST), limit + 1);
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return { page, nextPageToken: last && found.length > limit ? formatPageToken(placeOf(last)) : "" };
}

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
