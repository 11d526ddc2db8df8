/**
 * How an answer of Connect's own handlers ends, with a reason: what they refuse before a call gets to our interceptors (a deadline that is
 * no number, a body that is no message, an unknown compression) has a code and no google.rpc.ErrorInfo.
 *
 * Where an error stands depends on the protocol: the JSON body of a unary answer, the last frame of a Connect stream, the trailers that
 * gRPC-Web puts into its last frame. A frame is one chunk: a byte of flags, four of length, the data.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import {
  endStreamFlag,
  endStreamFromJson,
  endStreamToJson,
  errorFromJsonBytes,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { hasReason, readError } from "./problems.ts";

const HEAD_BYTES = 5;

/** The same chunk where nothing is to be added. */
export function endWithReason(chunk: Uint8Array, contentType: string, status: number): Uint8Array {
  if (contentType === "application/json") return status >= 400 ? jsonWithReason(chunk) : chunk;
  const data = chunk.subarray(HEAD_BYTES);
  if (contentType.startsWith("application/connect+") && chunk[0] === endStreamFlag) return streamWithReason(chunk, data);
  if (contentType.startsWith("application/grpc-web") && chunk[0] === trailerFlag) return trailersWithReason(chunk, data);
  return chunk;
}

function jsonWithReason(chunk: Uint8Array): Uint8Array {
  const error = errorFromJsonBytes(chunk, undefined, new ConnectError("", Code.Unknown));
  return hasReason(error) ? chunk : errorToJsonBytes(readError(error), undefined);
}

function streamWithReason(chunk: Uint8Array, data: Uint8Array): Uint8Array {
  const { error, metadata } = endStreamFromJson(data);
  if (!error || hasReason(error)) return chunk;
  return encodeEnvelope(endStreamFlag, Buffer.from(JSON.stringify(endStreamToJson(metadata, readError(error), undefined))));
}

function trailersWithReason(chunk: Uint8Array, data: Uint8Array): Uint8Array {
  const trailers = trailerParse(data);
  const error = findTrailerError(trailers);
  if (!error || hasReason(error)) return chunk;
  return encodeEnvelope(trailerFlag, trailerSerialize(setTrailerStatus(trailers, readError(error))));
}
