/** Page tokens: where the next page begins, in a form that callers pass back and do not read. */
import { Problem } from "#domain/errors.ts";
import type { Place } from "./store.ts";

/** Before the first of a list that begins with the newest, and of one that begins with the oldest. */
export const NEWEST: Place = { diedAtMs: Number.MAX_SAFE_INTEGER, id: "" };
export const OLDEST: Place = { diedAtMs: -1, id: "" };

export const formatPageToken = ({ diedAtMs, id }: Place): string => Buffer.from(`${diedAtMs}/${id}`).toString("base64url");

/** Throws INVALID_REQUEST for what formatPageToken cannot have made. */
export function parsePageToken(token: string, first: Place): Place {
  if (token === "") return first;
  const [, diedAtMs, id] = /^(\d{1,15})\/([0-9a-f-]{36})$/.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (diedAtMs !== undefined && id !== undefined) return { diedAtMs: Number(diedAtMs), id };
  throw new Problem("INVALID_REQUEST", {
    violations: [{ field: "page_token", description: "must be a next_page_token as the call before answered it, or empty" }],
  });
}
