/**
 * One HTTP request and its one answer, on uWebSockets.
 *
 * uWebSockets' request lives only until the handler returns, so all of it is read at once; its response is gone after an abort, so every
 * use of it asks first. Nothing here sets content-length: uWebSockets does.
 */

import type { HttpRequest as UwsRequest, HttpResponse as UwsResponse } from "uWebSockets.js";
import { STATUS_CODES } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Front, type Peer, peerOf } from "./peer.ts";

/** What the request line and the headers say, and who sent them. */
export interface Head extends Peer {
  /** Upper case. */
  readonly method: string;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly headers: Headers;
}

export function readHead(request: UwsRequest, response: UwsResponse, front: Front): Head {
  const headers = new Headers();
  request.forEach((name, value) => {
    // What undici's Headers refuse (a control character, say) cannot mean anything to a handler either.
    try {
      headers.append(name, value);
    } catch {}
  });
  const remoteAddress = Buffer.from(response.getRemoteAddressAsText()).toString();
  return {
    ...{ method: request.getMethod().toUpperCase(), path: request.getUrl(), query: request.getQuery() ?? "", headers },
    ...peerOf(remoteAddress, headers, front),
  };
}

export class Exchange {
  readonly head: Head;
  readonly requestId: string;
  readonly startedMs = performance.now();
  readonly #response: UwsResponse;
  readonly #abort = new AbortController();
  readonly #onEnd: (exchange: Exchange) => void;
  #open = true;
  #wake: (() => void) | undefined;
  /** The answer's, once there is one; 499 when the caller went away before. */
  status = 0;
  /** Ask the caller to connect anew: the process is going. */
  closing = false;

  constructor(response: UwsResponse, head: Head, requestId: string, onEnd: (exchange: Exchange) => void) {
    this.#response = response;
    this.head = head;
    this.requestId = requestId;
    this.#onEnd = onEnd;
    response.onAborted(() => {
      if (this.status === 0) this.status = 499;
      this.#end(new ConnectError("the caller went away", Code.Canceled));
    });
  }

  /** False once it is answered or the caller went away. */
  get open(): boolean {
    return this.#open;
  }

  /** Aborts when the caller goes away, or when `cancel` is called. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  cancel(reason: unknown): void {
    this.#abort.abort(reason);
  }

  /** A chunk is gone when `take` returns: what is kept of it is to be copied. Only in the tick that the request arrived in. */
  onChunk(take: (chunk: Uint8Array, last: boolean) => void): void {
    this.#response.onData((chunk, last) => take(new Uint8Array(chunk), last));
  }

  pause(): void {
    if (this.#open) this.#response.pause();
  }

  resume(): void {
    if (this.#open) this.#response.resume();
  }

  /** The whole answer at once. To HEAD only its head goes out. */
  reply(status: number, headers: Iterable<readonly [string, string]>, body: string | Uint8Array = ""): void {
    if (!this.#open) return;
    this.status = status;
    this.#response.cork(() => {
      this.#writeHead(status, headers);
      // Writes "connection: close" by itself.
      if (this.head.method === "HEAD") this.#response.endWithoutBody(Buffer.byteLength(body), this.closing);
      else this.#response.end(body, this.closing);
    });
    this.#end();
  }

  /** The answer bit by bit: waits while the caller reads slower than it is written. */
  async stream(status: number, headers: Iterable<readonly [string, string]>, body: AsyncIterator<Uint8Array>): Promise<void> {
    let headWritten = false;
    const writeHead = () => {
      if (headWritten) return;
      headWritten = true;
      this.status = status;
      this.#writeHead(status, headers);
    };
    for (let step = await body.next(); !step.done; step = await body.next()) {
      if (!this.#open) return;
      let flowing = true;
      const { value } = step;
      this.#response.cork(() => {
        writeHead();
        // An empty chunk would be the end of a chunked answer.
        if (value.byteLength > 0) flowing = this.#response.write(value);
      });
      if (!flowing) await this.#writable();
    }
    if (!this.#open) return;
    this.#response.cork(() => {
      writeHead();
      // Never with closeConnection: uWebSockets would write that header into the body.
      this.#response.end();
    });
    this.#end();
  }

  /** Cuts the connection: for an answer that failed after it had begun. */
  destroy(): void {
    if (this.#open) this.#response.close();
  }

  /** Resolves when the caller has read on, or went away. */
  #writable(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    if (!this.#wake) {
      // Once for all waits: a handler that is set while the earlier one runs is lost, because uWebSockets then puts the earlier one back.
      this.#response.onWritable(() => {
        this.#wake?.();
        return true;
      });
      this.signal.addEventListener("abort", () => this.#wake?.(), { once: true });
    }
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #writeHead(status: number, headers: Iterable<readonly [string, string]>): void {
    this.#response.writeStatus(`${status} ${STATUS_CODES[status] ?? "Status"}`);
    for (const [name, value] of headers) if (name !== "content-length") this.#response.writeHeader(name, headerValue(value));
    this.#response.writeHeader("x-request-id", this.requestId);
  }

  #end(reason?: ConnectError): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onEnd(this);
    if (reason) this.#abort.abort(reason);
  }
}

/** A line break would begin another header. */
const headerValue = (value: string): string => value.replaceAll(/[\r\n\0]+/g, " ");
