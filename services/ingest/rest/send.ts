/**
 * The facades' way to the service: the same Send as everybody's, through the module's own client, so the same rules and errors hold.
 *
 * A violation of the contract names the contract's field; `names` says what the facade calls it.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, type Client, ConnectError, createContextValues } from "@connectrpc/connect";
import { Problem } from "#domain/errors.ts";
import { type IngestService, SendBatchRequestSchema, SendRequestSchema, type SendResponse } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { problemFrom } from "#platform/rpc/problems.ts";
import type { HttpRequest } from "#platform/rpc/route.ts";
import { loadKey } from "#platform/rpc/shed.ts";
import { problemOf } from "../answer.ts";
import { KEY_HEADER } from "../key.ts";

type Init = MessageInitShape<typeof SendRequestSchema>;
type Names = Readonly<Record<string, string>>;

export async function send(ingest: Client<typeof IngestService>, request: HttpRequest, init: Init, names: Names): Promise<SendResponse> {
  try {
    return await ingest.send(create(SendRequestSchema, init), optionsOf(request));
  } catch (error) {
    throw inTheirWords(error, names);
  }
}

/** All of them by one call. Throws what is wrong with the first that was refused; the others may have been taken. */
export async function sendAll(
  ingest: Client<typeof IngestService>,
  request: HttpRequest,
  inits: readonly Init[],
  names: Names,
): Promise<SendResponse[]> {
  try {
    const { results } = await ingest.sendBatch(create(SendBatchRequestSchema, { notifications: [...inits] }), optionsOf(request));
    return results.map(({ result }) => {
      if (result.case === "accepted") return result.value;
      throw result.case === "error" ? problemOf(result.value) : new Problem("INTERNAL");
    });
  } catch (error) {
    throw inTheirWords(error, names);
  }
}

const optionsOf = ({ signal, traceparent, load }: HttpRequest): CallOptions => ({
  signal,
  ...(traceparent && { headers: { traceparent } }),
  contextValues: createContextValues().set(loadKey, load),
});

function inTheirWords(error: unknown, names: Names): unknown {
  const problem = error instanceof ConnectError || error instanceof Problem ? problemFrom(error) : undefined;
  if (!problem) return error;
  const words: Names = { idempotency_key: "Idempotency-Key", ...names };
  const violations = problem.violations.map(({ field, description }) => ({ field: words[field] ?? field, description }));
  return new Problem(problem.reason, {
    // One with violations says the first of them, in the facade's words.
    ...(violations.length === 0 && { message: problem.message }),
    violations,
    ...(problem.retryAfterMs !== undefined && { retryAfterMs: problem.retryAfterMs }),
    cause: error,
  });
}

/** The idempotency key of a REST call travels in the header that the IETF draft names. */
export const idempotencyKey = (request: HttpRequest): string => request.headers.get(KEY_HEADER) ?? "";

export const json = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store", ...headers },
  body: JSON.stringify(body),
});
