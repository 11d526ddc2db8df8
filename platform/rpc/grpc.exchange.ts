/**
 * One gRPC call and its one answer: a stream of an HTTP/2 connection.
 *
 * The answer's status travels in trailers, or, where there is nothing before it, in the only header block.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { holding, MOST_THROWN_AWAY_BYTES, tooLarge } from "./body.ts";
import { ANSWERED } from "./call.ts";
import type { Head } from "./exchange.ts";
import type { GrpcAnswer } from "./grpc.unary.ts";
import { type Front, peerOf } from "./peer.ts";
import type { Load } from "./shed.ts";

/** A request that stops in the middle for so long is given up; uWebSockets waits as long on the other ports. */
const STALLED_MS = 10_000;

/** One for all: a stack for each would cost more than it tells. */
const LEFT = new ConnectError("the caller went away", Code.Canceled);

/** As for HTTP/1.1: what HTTP/2 calls the authority is the host. */
export function headOf(headers: IncomingHttpHeaders, remoteAddress: string, front: Front): Head {
  const [path = "", query = ""] = String(headers[":path"] ?? "").split("?", 2);
  const taken = new Headers();
  for (const [name, value] of Object.entries(headers)) if (!name.startsWith(":") && value !== undefined) add(taken, name, value);
  add(taken, "host", headers[":authority"] ?? []);
  return { method: String(headers[":method"]), path, query, headers: taken, ...peerOf(remoteAddress, taken, front) };
}

function add(headers: Headers, name: string, value: string | string[]): void {
  // What undici's Headers refuse cannot mean anything to a handler either.
  try {
    for (const each of [value].flat()) headers.append(name, each);
  } catch {}
}

export class GrpcExchange {
  readonly head: Head;
  readonly requestId: string;
  readonly startedMs = performance.now();
  readonly #stream: ServerHttp2Stream;
  readonly #abort = new AbortController();

  constructor(stream: ServerHttp2Stream, head: Head, requestId: string, onEnd: (exchange: GrpcExchange) => void) {
    this.head = head;
    this.requestId = requestId;
    this.#stream = stream;
    // "close" follows, and tells all that there is to know.
    stream.on("error", () => {});
    stream.once("close", () => {
      this.#abort.abort(stream.writableFinished ? ANSWERED : LEFT);
      onEnd(this);
    });
    stream.setTimeout(STALLED_MS, () => {
      if (!stream.readableEnded) stream.close(constants.NGHTTP2_CANCEL);
    });
  }

  /** Aborts when the caller goes away, when the call is over, or when `cancel` is called. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get open(): boolean {
    return !this.#stream.closed && !this.#stream.destroyed;
  }

  /** Whether anything of an answer went out. */
  get begun(): boolean {
    return this.#stream.headersSent;
  }

  cancel(reason: unknown): void {
    this.#abort.abort(reason);
  }

  async *body(): AsyncIterable<Uint8Array> {
    try {
      // The stream carries the answer too, and must outlive a request that is not read to its end.
      yield* this.#stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw this.signal.aborted ? this.signal.reason : error;
    }
  }

  /** All of the request. Rejects with Problem BODY_TOO_LARGE, with what refuses its load, or with the signal's reason when the caller goes away. */
  whole(limitBytes: number, load?: Load): Promise<Uint8Array> {
    const stream = this.#stream;
    return new Promise((resolve, reject) => {
      let chunks: Uint8Array[] = [];
      let bytes = 0;
      let isRefused = false;
      const refuse = (why: unknown) => {
        isRefused = true;
        chunks = [];
        reject(why);
      };
      load?.onShed(refuse);
      this.signal.addEventListener("abort", () => reject(this.signal.reason), { once: true });
      stream.on("data", (chunk: Uint8Array) => {
        bytes += chunk.byteLength;
        if (bytes > limitBytes) refuse(tooLarge(limitBytes));
        if (!isRefused) holding(chunk.byteLength, load, refuse);
        if (!isRefused) chunks.push(chunk);
        if (bytes > MOST_THROWN_AWAY_BYTES) stream.close(constants.NGHTTP2_CANCEL);
      });
      stream.on("end", () => resolve(chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)));
    });
  }

  /** The whole answer at once. */
  reply({ header, message, trailer }: GrpcAnswer): void {
    if (!this.open) return;
    const headers = { ":status": 200, ...plain(header), "x-request-id": this.requestId };
    if (message) {
      this.#stream.once("wantTrailers", () => this.#stream.sendTrailers(plain(trailer)));
      this.#stream.respond(headers, { waitForTrailers: true });
      this.#stream.end(message);
    } else this.#stream.respond({ ...headers, ...plain(trailer) }, { endStream: true });
  }

  /** An error, or an HTTP status alone for what is not gRPC at all. */
  refuse(error: ConnectError | number): void {
    if (!this.open) return;
    if (typeof error === "number") this.#stream.respond({ ":status": error, "x-request-id": this.requestId }, { endStream: true });
    else {
      const headers = setTrailerStatus(new Headers({ "content-type": "application/grpc" }), error);
      this.#stream.respond({ ":status": 200, ...plain(headers), "x-request-id": this.requestId }, { endStream: true });
    }
    this.#release();
  }

  /** Waits while the caller reads slower than it is written. */
  async answer({ status, header, body, trailer }: UniversalServerResponse): Promise<void> {
    const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    try {
      let step = await iterator.next();
      if (!this.open) return;
      // After the first message, so that the implementation had its chance to set headers.
      const headers = { ...plain(header), ":status": status, "x-request-id": this.requestId };
      this.#stream.once("wantTrailers", () => this.#stream.sendTrailers(plain(trailer)));
      this.#stream.respond(headers, { waitForTrailers: true });
      for (; !step.done && this.open; step = await iterator.next()) if (!this.#stream.write(step.value)) await this.#writable();
      if (!this.open) return;
      this.#stream.end();
      this.#release();
    } finally {
      // Reaches the implementation when the caller went away in the middle.
      await iterator.return?.();
    }
  }

  /** Cuts the call off: for an answer that failed after it had begun. */
  destroy(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  /** What is still coming of the request is read and thrown away, up to a bound: many clients do not look for an answer before. */
  #release(): void {
    const stream = this.#stream;
    if (stream.readableEnded) return;
    let bytes = 0;
    stream.on("data", (chunk: Uint8Array) => {
      bytes += chunk.byteLength;
      if (bytes > MOST_THROWN_AWAY_BYTES) stream.close(constants.NGHTTP2_CANCEL);
    });
  }

  #writable(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#stream.off("drain", done).off("close", done);
        resolve();
      };
      this.#stream.on("drain", done).on("close", done);
    });
  }
}

function plain(headers: Headers | undefined): Record<string, string> {
  return Object.fromEntries(headers ?? []);
}
