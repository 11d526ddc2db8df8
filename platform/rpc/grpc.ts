/**
 * The gRPC door: HTTP/2 on a port of its own, without TLS (h2c) unless the server has a certificate, before the same procedures, the same interceptors and the same rules as the
 * server's other ports. gRPC-Web and Connect are theirs.
 *
 * Streams take Connect's own handlers. connect-node's adapter around them is left out: it throws out of the event, and so ends the process,
 * on an authority that is no host; it cannot tell streams from other calls when the process drains; and it answers fewer unary calls (docs/speed.md).
 */
import { readFileSync } from "node:fs";
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { type ConnectError, type ContextValues, createContextValues } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { parseContentType } from "@connectrpc/connect/protocol-grpc";
import { Problem } from "#domain/errors.ts";
import type { Clock } from "#platform/clock.ts";
import { ConfigProblem } from "#platform/config/config.ts";
import { MOST_MESSAGE_BYTES } from "./body.ts";
import { type Call, callKey, requestIdOf } from "./call.ts";
import type { Head } from "./exchange.ts";
import { grpcConnections, MOST_CONNECTIONS } from "./grpc.connections.ts";
import { GrpcExchange, headOf } from "./grpc.exchange.ts";
import { answerGrpcUnary } from "./grpc.unary.ts";
import { maskedError } from "./mask.ts";
import type { Front } from "./peer.ts";
import { connectErrorOf } from "./problems.ts";
import type { Procedure } from "./procedures.ts";
import { loadKey, type Shedder } from "./shed.ts";
import type { UnaryNeeds } from "./unary.ts";

/** Each may wait for a notification to settle and cost no more than its memory; callers beyond them queue in their own library. */
const MOST_STREAMS = 256;
/** While one of the connections makes room for another. */
const SPARE_CONNECTIONS = 16;
const HANDSHAKE_MS = 10_000;
const MOST_HEADER_BYTES = 16 * 1_024;
const MOST_HEADERS = 100;

/** Whether this content type is gRPC's own, and not gRPC-Web's. */
export const isGrpc = (contentType: string | null): boolean => parseContentType(contentType) !== undefined;

export interface GrpcNeeds extends UnaryNeeds {
  readonly procedures: ReadonlyMap<string, Procedure>;
  /** By the path of what they stand before. */
  readonly shedders: ReadonlyMap<string, Shedder>;
  /** Why a request is refused, if it is. */
  readonly refused: (head: Head, procedure: Procedure | undefined) => Problem | undefined;
  readonly front: Front;
  readonly clock: Clock;
}

export interface GrpcDoor {
  readonly port: number;
  /** Says GOAWAY to every connection, tells streams `reason`, lets the other calls finish; resolves when there are none. */
  drain(reason: ConnectError): Promise<void>;
  /** Cuts every connection. */
  close(): void;
}

/** PEM files: the certificate with its chain, and its key. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface GrpcPort {
  readonly host: string;
  readonly port: number;
  /** Without it HTTP/2 in the clear (h2c). */
  readonly tls?: TlsFiles;
}

/** Rejects with ConfigProblem when the port is taken. */
export async function openGrpc({ host, port, tls }: GrpcPort, needs: GrpcNeeds): Promise<GrpcDoor> {
  const { procedures, shedders, front, observer, logger, clock } = needs;
  const running = new Set<GrpcExchange>();
  const streams = new Set<GrpcExchange>();
  const connections = grpcConnections(clock);
  let emptied = () => {};

  const limits = {
    maxHeaderListPairs: MOST_HEADERS,
    settings: { maxConcurrentStreams: MOST_STREAMS, maxHeaderListSize: MOST_HEADER_BYTES, enablePush: false },
  };
  const server = tls
    ? createSecureServer({ ...limits, cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile), handshakeTimeout: HANDSHAKE_MS })
    : createServer(limits);
  server.maxConnections = MOST_CONNECTIONS + SPARE_CONNECTIONS;
  // Somebody who speaks something else, or breaks off: that session ends, and nothing else.
  server.on("sessionError", (error) => logger.debug({ err: error }, "gRPC connection failed"));
  server.on("session", connections.opened);
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    connections.called(stream);
    const head = headOf(headers, stream.session?.socket.remoteAddress ?? "", front);
    const exchange = new GrpcExchange(stream, head, requestIdOf(head, clock), finished);
    running.add(exchange);
    const procedure = procedures.get(head.path);
    const problem = hasMore(headers, MOST_HEADER_BYTES)
      ? new Problem("BODY_TOO_LARGE", { message: LONG_HEADERS })
      : needs.refused(head, procedure);
    if (problem) refuse(exchange, connectErrorOf(problem), procedure);
    else if (head.method !== "POST") exchange.refuse(405);
    else if (!isGrpc(head.headers.get("content-type"))) exchange.refuse(415);
    else if (!procedure) refuse(exchange, connectErrorOf(new Problem("METHOD_NOT_ALLOWED", { message: NO_METHOD })), procedure);
    else void call(exchange, procedure);
  });

  function finished(exchange: GrpcExchange): void {
    running.delete(exchange);
    streams.delete(exchange);
    if (running.size === 0) emptied();
  }

  async function call(exchange: GrpcExchange, procedure: Procedure): Promise<void> {
    const call: Call = { requestId: exchange.requestId, door: "grpc", address: exchange.head.address, observed: false };
    const load = shedders.get(procedure.path)?.enter({ headers: exchange.head.headers, requestId: exchange.requestId });
    const contextValues = createContextValues().set(callKey, call).set(loadKey, load);
    const { spec } = procedure;
    try {
      if (spec.kind === "unary") {
        const { head, signal } = exchange;
        const body = exchange.whole(MOST_MESSAGE_BYTES, load);
        return exchange.reply(await answerGrpcUnary({ spec, head, body, signal, values: contextValues }, MOST_MESSAGE_BYTES, needs));
      }
      streams.add(exchange);
      const response = await procedure.handler(requestOf(exchange, contextValues));
      await exchange.answer(response);
      if (!call.observed) observed(exchange, procedure, Number(response.trailer?.get("grpc-status") ?? 0));
    } catch (error) {
      if (!exchange.open) return;
      const masked = maskedError(error, exchange.requestId, logger);
      if (exchange.begun) exchange.destroy();
      else exchange.refuse(masked);
      if (!call.observed) observed(exchange, procedure, masked.code);
    } finally {
      load?.leave();
    }
  }

  function refuse(exchange: GrpcExchange, error: ConnectError, procedure: Procedure | undefined): void {
    exchange.refuse(error);
    observed(exchange, procedure, error.code);
  }

  /** Without the words of a path that nothing has: it may be anything. */
  function observed({ startedMs, requestId }: GrpcExchange, procedure: Procedure | undefined, code: number): void {
    const named = code === 0 ? "ok" : codeToString(code);
    observer.rpc({ door: "grpc", procedure: procedure?.path ?? "(refused)", code: named, ms: performance.now() - startedMs, requestId });
  }

  await listen(server, host, port);
  // Out of file descriptors, say: those who are connected stay so.
  server.on("error", (error) => logger.error({ err: error }, "gRPC port failed"));
  return {
    port: (server.address() as AddressInfo).port,
    async drain(reason) {
      const sessions = [...connections.all()].filter(({ destroyed }) => !destroyed);
      const gone = Promise.all(sessions.map((session) => new Promise<void>((resolve) => session.once("close", resolve))));
      // Callers may repeat elsewhere what they sent after this; what they sent before is answered.
      for (const session of sessions) session.close();
      for (const exchange of streams) exchange.cancel(reason);
      if (running.size > 0)
        await new Promise<void>((resolve) => {
          emptied = resolve;
        });
      // The last words of an answer may still be on their way into the socket, which the end of the process would cut off.
      const late = new AbortController();
      await Promise.race([gone, clock.sleep(FAREWELL_MS, late.signal)]);
      late.abort();
    },
    close() {
      server.close();
      for (const session of connections.all()) session.destroy();
    },
  };
}

/** For callers to have heard that the connection ends. */
const FAREWELL_MS = 500;
const NO_METHOD = "There is no such method.";
const LONG_HEADERS = `The headers are larger than ${MOST_HEADER_BYTES / 1_024} KiB, the most that this port takes.`;

/** HTTP/2 tells callers the limit, and leaves it to the server to see to it. Each counts 32 bytes more, by RFC 9113. */
function hasMore(headers: IncomingHttpHeaders, limitBytes: number): boolean {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) bytes += name.length + String(value).length + 32;
  return bytes > limitBytes;
}

function requestOf(exchange: GrpcExchange, contextValues: ContextValues): UniversalServerRequest {
  const { method, path, headers } = exchange.head;
  return {
    httpVersion: "2.0",
    method,
    url: `http://${headers.get("host")}${path}`,
    header: headers,
    body: exchange.body(),
    signal: exchange.signal,
    contextValues,
  };
}

function listen(server: Http2Server | Http2SecureServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "EADDRINUSE"
          ? new ConfigProblem([
              `Port ${port} of ${host} is taken: stop what uses it, or set CARILLON_GRPC_PORT to a free one (0 picks one).`,
            ])
          : error,
      );
    server.once("error", failed);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", failed);
      resolve();
    });
  });
}
