/**
 * The idempotency key of a call: the request's own field, or the header that the IETF draft names (draft-ietf-httpapi-idempotency-key).
 */
import type { HandlerContext } from "@connectrpc/connect";
import { Problem } from "#domain/errors.ts";
import type { SendRequest } from "#gen/carillon/ingest/v1/ingest_pb.ts";

export const KEY_HEADER = "Idempotency-Key";

/** Room is left for an item's place within a batch, below the contract's 255. */
const MOST_CHARS = 250;

/** Empty: the header was not sent. */
export function headerKeyOf({ requestHeader }: HandlerContext): string {
  const key = requestHeader.get(KEY_HEADER) ?? "";
  if (key.length > MOST_CHARS)
    throw new Problem("INVALID_REQUEST", { violations: [{ field: KEY_HEADER, description: `must be at most ${MOST_CHARS} characters` }] });
  return key;
}

/** A request's own key wins over the header's. */
export const withKey = (request: SendRequest, headerKey: string): SendRequest =>
  request.idempotencyKey !== "" || headerKey === "" ? request : { ...request, idempotencyKey: headerKey };
