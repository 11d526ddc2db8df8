/**
 * Unary gRPC calls, by the same short way as Connect's (unary.ts): one message in, in binary or JSON, perhaps gzipped, one message out.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { parseContentType, parseTimeout, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { Problem } from "#domain/errors.ts";
import { unpacked } from "./body.ts";
import { MAX_DEADLINE_MS } from "./interceptors.ts";
import { type Load, loadKey } from "./shed.ts";
import { invokeUnary, type UnaryCall, type UnaryNeeds, write } from "./unary.ts";

/** A message has five bytes before it: whether it is compressed, and how long it is. */
const PREFIX_BYTES = 5;

export interface GrpcAnswer {
  readonly header: Headers;
  /** With its prefix; undefined for an error. */
  readonly message?: Uint8Array;
  readonly trailer: Headers;
}

/** `body` is all that the caller sent, prefix included. */
export async function answerGrpcUnary(call: Omit<UnaryCall, "encoding">, limitBytes: number, needs: UnaryNeeds): Promise<GrpcAnswer> {
  const { headers } = call.head;
  const isBinary = parseContentType(headers.get("content-type"))?.binary ?? true;
  const encoding = isBinary ? "binary" : "json";
  const timeout = parseTimeout(headers.get("grpc-timeout"), MAX_DEADLINE_MS);
  const load = call.values.get(loadKey);
  const body = call.body.then((bytes) => messageIn(bytes, headers.get("grpc-encoding"), limitBytes, load));
  const type = isBinary ? "application/grpc+proto" : "application/grpc+json";
  const { output, error, header, trailer } = await invokeUnary({ ...call, encoding, body }, { protocolName: "grpc", timeout, type }, needs);
  header.set("grpc-accept-encoding", "gzip");
  setTrailerStatus(trailer, error);
  return { header, trailer, ...(!error && { message: framed(write(call.spec, encoding, output)) }) };
}

async function messageIn(bytes: Uint8Array, packing: string | null, limitBytes: number, load: Load | undefined): Promise<Uint8Array> {
  if (bytes.byteLength === 0) throw new ConnectError("a unary call sends one message, and this one sent none", Code.Unimplemented);
  if (bytes.byteLength < PREFIX_BYTES) throw cutOff();
  const length = PREFIX_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (bytes.byteLength < length) throw cutOff();
  if (bytes.byteLength > length) throw new ConnectError("a unary call sends one message, and this one sent more", Code.Unimplemented);
  const message = bytes.subarray(PREFIX_BYTES);
  if ((bytes[0] as number) === 0) return message;
  if (packing !== "gzip") throw new ConnectError("messages may be compressed with gzip only", Code.Unimplemented);
  return unpacked(message, packing, limitBytes, load);
}

const cutOff = () => new Problem("INVALID_REQUEST", { message: "The body ends before its message does." });

function framed(message: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + message.byteLength);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.byteLength, 1);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}
