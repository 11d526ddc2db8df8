/**
 * WebSockets on uWebSockets, as route.ts describes them.
 *
 * uWebSockets drops frames without a word once a connection's queue is over its limit, so the result of every send is looked at, and such
 * a connection is closed: whoever lost a frame must come back and read what it missed.
 */

import type uWS from "uWebSockets.js";
import type { Logger } from "pino";
import { Problem } from "#domain/errors.ts";
import { type Head, readHead } from "./exchange.ts";
import type { Front } from "./peer.ts";
import { httpReplyOf } from "./problems.ts";
import type { HttpReply, Socket, SocketConnection, SocketHandler } from "./route.ts";

/** uWebSockets pings by itself in time; a peer that answers nothing for so long is gone. */
const IDLE_TIMEOUT_S = 120;
const DROPPED = 2;

const CLOSE_UNSUPPORTED = 1003;
const CLOSE_INTERNAL = 1011;

interface Connected {
  readonly connection: Connection;
  readonly handler: SocketHandler;
}

export interface SocketNeeds {
  /** Why an upgrade is refused, if it is. */
  readonly refusal: (head: Head) => Problem | undefined;
  readonly front: Front;
  readonly logger: Logger;
}

export function installSocket(app: uWS.TemplatedApp, socket: Socket, { refusal, front, logger }: SocketNeeds): void {
  const guarded = (connection: Connection, work: () => void) => {
    try {
      work();
    } catch (error) {
      logger.error({ err: error, path: socket.path }, "socket handler failed");
      connection.close(CLOSE_INTERNAL, "internal error");
    }
  };
  app.ws<Connected>(socket.path, {
    maxPayloadLength: socket.maxFrameBytes,
    maxBackpressure: socket.maxBufferedBytes,
    closeOnBackpressureLimit: true,
    idleTimeout: IDLE_TIMEOUT_S,
    sendPingsAutomatically: true,
    upgrade(response, request, context) {
      const head = readHead(request, response, front);
      const connection = new Connection(head.headers.get("origin") ?? undefined, head.address);
      const problem = refusal(head);
      const handler = problem ? undefined : socket.open(connection);
      if (!handler) return refuse(response, httpReplyOf(problem ?? new Problem("PERMISSION_DENIED")));
      const { headers } = head;
      response.upgrade<Connected>(
        { connection, handler },
        headers.get("sec-websocket-key") ?? "",
        headers.get("sec-websocket-protocol") ?? "",
        headers.get("sec-websocket-extensions") ?? "",
        context,
      );
    },
    open: (ws) => ws.getUserData().connection.opened(ws),
    message(ws, message, isBinary) {
      const { connection, handler } = ws.getUserData();
      if (isBinary) return connection.close(CLOSE_UNSUPPORTED, "text frames only");
      const text = Buffer.from(message).toString();
      guarded(connection, () => handler.message(text));
    },
    drain(ws) {
      const { connection, handler } = ws.getUserData();
      if (ws.getBufferedAmount() === 0) guarded(connection, () => handler.drained());
    },
    close(ws, code) {
      const { connection, handler } = ws.getUserData();
      connection.gone();
      guarded(connection, () => handler.closed(code));
    },
  });
}

function refuse(response: uWS.HttpResponse, { status, headers, body }: HttpReply): void {
  response.cork(() => {
    response.writeStatus(status === 503 ? "503 Service Unavailable" : "403 Forbidden");
    for (const [name, value] of Object.entries(headers ?? {})) response.writeHeader(name, value);
    response.end(body, true);
  });
}

/** A handler may send before the upgrade is through: the frames wait for it. */
class Connection implements SocketConnection {
  readonly origin: string | undefined;
  readonly remoteAddress: string;
  #ws: uWS.WebSocket<Connected> | undefined;
  #early: string[] = [];
  #ending: { code: number; reason: string } | undefined;
  #gone = false;

  constructor(origin: string | undefined, remoteAddress: string) {
    this.origin = origin;
    this.remoteAddress = remoteAddress;
  }

  buffered(): number {
    return this.#ws?.getBufferedAmount() ?? 0;
  }

  send(text: string): boolean {
    if (this.#gone || this.#ending) return false;
    if (this.#ws) return this.#ws.send(text) !== DROPPED;
    this.#early.push(text);
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#gone || this.#ending) return;
    this.#ending = { code, reason };
    this.#ws?.end(code, reason);
  }

  opened(ws: uWS.WebSocket<Connected>): void {
    this.#ws = ws;
    for (const text of this.#early) ws.send(text);
    this.#early = [];
    if (this.#ending) ws.end(this.#ending.code, this.#ending.reason);
  }

  gone(): void {
    this.#gone = true;
    this.#ws = undefined;
  }
}
