/**
 * Connect's universal handlers on uWebSockets: gRPC-Web, streams, GET, and whatever else the short way of unary.ts does not take.
 */
import type { ContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { bodyStream, readBody } from "./body.ts";
import { endWithReason } from "./ends.ts";
import type { Exchange } from "./exchange.ts";
import { DEFAULT_DEADLINE_MS } from "./interceptors.ts";
import { connectErrorOf, problemFrom } from "./problems.ts";
import type { Load } from "./shed.ts";

export interface UniversalOptions {
  readonly contextValues: ContextValues;
  readonly limitBytes: number;
  readonly load: Load | undefined;
}

/** Answers, or says under which status it should be refused: Connect leaves the words of a refused method or media type to its host. */
export async function answerUniversal(
  exchange: Exchange,
  handler: UniversalHandler,
  options: UniversalOptions,
): Promise<{ refused: number } | undefined> {
  const response = await handler(requestOf(exchange, handler, options));
  if (!response.body && response.status >= 400) return { refused: response.status };
  const iterator = (response.body ?? nothing())[Symbol.asyncIterator]();
  try {
    await exchange.stream(response.status, response.header ?? new Headers(), withReasons(iterator, response));
  } finally {
    // Reaches the implementation when the caller went away in the middle.
    await iterator.return?.();
  }
  return undefined;
}

function withReasons(chunks: AsyncIterator<Uint8Array>, { status, header }: UniversalServerResponse): AsyncIterator<Uint8Array> {
  const contentType = header?.get("content-type") ?? "";
  return {
    async next() {
      const step = await chunks.next();
      return step.done ? step : { done: false, value: endWithReason(step.value, contentType, status) };
    },
  };
}

function requestOf(
  exchange: Exchange,
  handler: UniversalHandler,
  { contextValues, limitBytes, load }: UniversalOptions,
): UniversalServerRequest {
  const { method, path, query, headers } = exchange.head;
  const streams = handler.method.methodKind !== "unary";
  if (!streams) giveDeadline(headers);
  return {
    httpVersion: "1.1",
    method,
    url: `http://${headers.get("host") ?? "localhost"}${path}${query === "" ? "" : `?${query}`}`,
    header: headers,
    body: streams ? bodyStream(exchange) : wholeBody(readBody(exchange, limitBytes, load)),
    signal: exchange.signal,
    contextValues,
  };
}

/** Connect knows a largest deadline but no default one, so the header is written for a caller who left it out. */
function giveDeadline(headers: Headers): void {
  const grpc = headers.get("content-type")?.startsWith("application/grpc");
  if (grpc && !headers.has("grpc-timeout")) headers.set("grpc-timeout", `${DEFAULT_DEADLINE_MS}m`);
  if (!grpc && !headers.has("connect-timeout-ms")) headers.set("connect-timeout-ms", String(DEFAULT_DEADLINE_MS));
}

/** A body that cannot be had fails inside the protocol, which knows how to tell its caller. */
function wholeBody(reading: Promise<Uint8Array>): AsyncIterable<Uint8Array> {
  // It may fail before the handler gets to it, or be refused without being read.
  reading.catch(() => {});
  return {
    async *[Symbol.asyncIterator]() {
      try {
        yield await reading;
      } catch (error) {
        throw connectErrorOf(problemFrom(error));
      }
    },
  };
}

async function* nothing(): AsyncIterable<Uint8Array> {}
