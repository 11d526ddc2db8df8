/**
 * Plain HTTP and WebSocket endpoints, as modules declare them; the server beside this file answers them on uWebSockets.
 */
import type { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import type { Load, Shedder } from "./shed.ts";

export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** The environment of the caller's credential; empty where none is asked for. */
  readonly environment: string;
  /** What the credential allows. */
  readonly scopes: readonly Scope[];
  /** The caller's. */
  readonly address: string;
  /** Scheme and host by which the caller reached us, for links in the answer. */
  readonly baseUrl: string;
  readonly requestId: string;
  /** For the calls that answering it causes. */
  readonly traceparent: string | undefined;
  readonly signal: AbortSignal;
  /** For the call that it is handed on to. */
  readonly load: Load | undefined;
}

export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Segments like "/n/:id" name parameters. */
  readonly path: string;
  /** What the caller's key has to allow. "none": anybody may have it, so it holds nobody's data. */
  readonly scope: Scope | "none";
  /** Read the body as JSON: demands content-type application/json. Default false. */
  readonly json?: boolean;
  /** Bounds what requests like it take of the process. Default: nothing does. */
  readonly shedder?: Shedder;
  /** For who watches the process: is answered while the process drains, and logged at debug. Default false. */
  readonly probe?: boolean;
  /** The answer to whoever presents no credential that holds, where it is not the plain refusal. */
  readonly stranger?: (request: Pick<HttpRequest, "path" | "query" | "headers">) => HttpReply | undefined;
  /** Throws Problem for what callers should hear; anything else is masked as INTERNAL. */
  handle(request: HttpRequest): Promise<HttpReply> | HttpReply;
}

/** One WebSocket connection, as its handler sees it. */
export interface SocketConnection {
  readonly origin: string | undefined;
  readonly remoteAddress: string;
  /** Bytes queued because the other side reads slowly. */
  buffered(): number;
  /** False when the frame was dropped: the connection is to be treated as lost. */
  send(text: string): boolean;
  close(code: number, reason: string): void;
}

export interface SocketHandler {
  message(text: string): void;
  /** The queue of a slow connection has emptied. */
  drained(): void;
  closed(code: number): void;
}

export interface Socket {
  readonly path: string;
  /** Of other sites, whose pages may open it too, like https://shop.example. Default: none. */
  readonly origins?: readonly string[];
  readonly maxFrameBytes: number;
  /** Larger queues close the connection. */
  readonly maxBufferedBytes: number;
  /** Undefined refuses the upgrade (403). */
  open(connection: SocketConnection): SocketHandler | undefined;
}
