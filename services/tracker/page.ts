/** Page tokens: where the next page begins, in a form that callers pass back and do not read. */
import { Problem } from "#domain/errors.ts";
import type { Place } from "./store.ts";

export const formatPageToken = ({ acceptedAtMs, notificationId }: Place): string =>
  Buffer.from(JSON.stringify([acceptedAtMs, notificationId])).toString("base64url");

/** Throws INVALID_REQUEST for what formatPageToken cannot have made. */
export function parsePageToken(token: string): Place {
  const [acceptedAtMs, notificationId, ...rest] = partsOf(token);
  if (!Number.isSafeInteger(acceptedAtMs) || typeof notificationId !== "string" || rest.length > 0)
    throw new Problem("INVALID_REQUEST", {
      violations: [{ field: "page_token", description: "must be a next_page_token as ListNotifications answered it, or empty" }],
    });
  return { acceptedAtMs: acceptedAtMs as number, notificationId };
}

function partsOf(token: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

/** The nearer to the end of a list that runs from the newest to the oldest. */
export const furtherOf = (a: Place, b: Place): Place => {
  const order = a.acceptedAtMs - b.acceptedAtMs || (a.notificationId < b.notificationId ? -1 : 1);
  return order < 0 ? a : b;
};
