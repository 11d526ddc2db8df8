/**
 * The facades' way to the service: the same Send as everybody's, through the module's own client, so the same rules and errors hold.
 *
 * A violation of the contract names the contract's field; `names` says what the facade calls it.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, ConnectError } from "@connectrpc/connect";
import { Problem } from "#domain/errors.ts";
import { type IngestService, SendRequestSchema, type SendResponse } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import type { HttpRequest } from "#platform/rpc/route.ts";
import { KEY_HEADER } from "../key.ts";

export async function send(
  ingest: Client<typeof IngestService>,
  request: HttpRequest,
  init: MessageInitShape<typeof SendRequestSchema>,
  names: Readonly<Record<string, string>>,
): Promise<SendResponse> {
  const { signal, traceparent } = request;
  try {
    return await ingest.send(create(SendRequestSchema, init), { signal, ...(traceparent && { headers: { traceparent } }) });
  } catch (error) {
    const problem = error instanceof ConnectError ? problemFrom(error) : undefined;
    if (!problem) throw error;
    const inTheirWords: Readonly<Record<string, string>> = { idempotency_key: "Idempotency-Key", ...names };
    const violations = problem.violations.map(({ field, description }) => ({ field: inTheirWords[field] ?? field, description }));
    throw new Problem(problem.reason, {
      // One with violations says the first of them, in the facade's words.
      ...(violations.length === 0 && { message: problem.message }),
      violations,
      ...(problem.retryAfterMs !== undefined && { retryAfterMs: problem.retryAfterMs }),
      cause: error,
    });
  }
}

/** The idempotency key of a REST call travels in the header that the IETF draft names. */
export const idempotencyKey = (request: HttpRequest): string => request.headers.get(KEY_HEADER) ?? "";

export const json = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store", ...headers },
  body: JSON.stringify(body),
});
