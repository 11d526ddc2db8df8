/**
 * Unary calls of the Connect protocol by POST, in JSON or binary: what nearly every caller sends, so they take the short way, with the same
 * interceptors and the same context as Connect's own handlers but no streams in between (about 1.6 times as many calls a second).
 */
import { type Message, toBinary, toJsonString } from "@bufbuild/protobuf";
import { type ConnectError, type ContextValues, createHandlerContext, type Interceptor, type MethodImplSpec } from "@connectrpc/connect";
import { invokeUnaryImplementation } from "@connectrpc/connect/protocol";
import { codeToString, errorToJsonBytes, parseTimeout, trailerMux } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import { ANSWERED, type Call, callKey } from "./call.ts";
import type { Head } from "./exchange.ts";
import { DEFAULT_DEADLINE_MS, MAX_DEADLINE_MS, procedureOf } from "./interceptors.ts";
import { readJson } from "./json.ts";
import { maskedError } from "./mask.ts";
import { isJson } from "./media.ts";
import type { Observer } from "./observe.ts";
import { PART_BYTES, readBinary, readInParts } from "./parts.ts";
import { connectStatusOf } from "./problems.ts";
import { loadKey } from "./shed.ts";

export type UnarySpec = MethodImplSpec & { kind: "unary" };

export type Encoding = "binary" | "json";

/** Which encoding this content type asks for; undefined when the short way does not know it. */
export const encodingOf = (contentType: string | null): Encoding | undefined =>
  contentType === "application/proto" ? "binary" : isJson(contentType) ? "json" : undefined;

export interface UnaryAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export interface UnaryCall {
  readonly spec: UnarySpec;
  readonly encoding: Encoding;
  readonly head: Head;
  /** The message's bytes, read while the call is set up; rejects with Problem. */
  readonly body: Promise<Uint8Array>;
  readonly signal: AbortSignal;
  readonly values: ContextValues;
}

export interface UnaryNeeds {
  readonly interceptors: Interceptor[];
  readonly logger: Logger;
  readonly observer: Observer;
}

export async function answerUnary(call: UnaryCall, needs: UnaryNeeds): Promise<UnaryAnswer> {
  const { spec, encoding, head } = call;
  const timeout = parseTimeout(head.headers.get("connect-timeout-ms"), MAX_DEADLINE_MS);
  const type = encoding === "binary" ? "application/proto" : "application/json";
  const { output, error, header, trailer } = await invokeUnary(call, { protocolName: "connect", timeout, type }, needs);
  const headers = trailerMux(header, trailer);
  if (!error) return { status: 200, headers, body: write(spec, encoding, output) };
  headers.set("content-type", "application/json");
  for (const [name, value] of error.metadata) headers.set(name, value);
  return { status: connectStatusOf(error), headers, body: errorToJsonBytes(error, undefined) };
}

/** What differs from protocol to protocol before the call itself. */
interface Manner {
  readonly protocolName: "connect" | "grpc";
  readonly timeout: { readonly timeoutMs?: number | undefined; readonly error?: ConnectError | undefined };
  /** Of the answer. */
  readonly type: string;
}

type Invoked = { readonly header: Headers; readonly trailer: Headers } & (
  | { readonly output: Message; readonly error?: undefined }
  | { readonly output?: undefined; readonly error: ConnectError }
);

/** The call itself, the same for every protocol. What comes out of an error is masked, logged and counted. */
export async function invokeUnary(
  { spec, encoding, head, body, signal, values }: UnaryCall,
  { protocolName, timeout, type }: Manner,
  { interceptors, logger, observer }: UnaryNeeds,
): Promise<Invoked> {
  const started = performance.now();
  const context = createHandlerContext({
    service: spec.method.parent,
    method: spec.method,
    protocolName,
    requestMethod: "POST",
    url: `http://${head.headers.get("host") ?? "localhost"}${head.path}`,
    timeoutMs: timeout.timeoutMs ?? DEFAULT_DEADLINE_MS,
    requestSignal: signal,
    requestHeader: head.headers,
    responseHeader: { "content-type": type },
    contextValues: values,
  });
  const { responseHeader: header, responseTrailer: trailer } = context;
  try {
    const bytes = await body;
    if (timeout.error) throw timeout.error;
    const load = values.get(loadKey);
    const isLarge = load !== undefined && bytes.byteLength > PART_BYTES;
    const input = isLarge ? await readInParts(spec.method.input, encoding, bytes, load) : read(spec, encoding, bytes);
    return { output: await invokeUnaryImplementation(spec, context, input, interceptors), header, trailer };
  } catch (thrown) {
    const { requestId, door, observed } = values.get(callKey) as Call;
    const error = maskedError(thrown, requestId, logger);
    const ms = performance.now() - started;
    if (!observed) observer.rpc({ door, procedure: procedureOf(spec.method), code: codeToString(error.code), ms, requestId });
    return { error, header, trailer };
  } finally {
    context.abort(ANSWERED);
  }
}

export const write = ({ method }: UnarySpec, encoding: Encoding, message: Message): Uint8Array =>
  encoding === "binary" ? toBinary(method.output, message) : Buffer.from(toJsonString(method.output, message));

function read(spec: UnarySpec, encoding: Encoding, bytes: Uint8Array) {
  return encoding === "json" ? readJson(spec.method.input, bytes) : readBinary(spec.method.input, bytes);
}
