/**
 * One connection's conversation: hello, catching up, live. Speaks frames; knows neither sockets nor how an inbox is kept.
 *
 * The order that loses nothing: subscribe, buffer what comes live, read after the cursor, merge, go live. Whoever falls behind gets one
 * `resync` in the place of a queue, and is read anew from their last message once the queue has emptied.
 */
import { create, fromBinary, fromJsonString, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { type Cursor, formatCursor, parseCursor } from "#domain/cursor.ts";
import { ClientFrameSchema, type Hello, type Pushed, PushedSchema, ServerFrameSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import type { ListMessagesResponse } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import { type Closing, closing } from "./closing.ts";
import { Merge } from "./merge.ts";
import type { Identity } from "./token.ts";

/** A slow reader's queue, before it is collapsed. */
const MOST_QUEUED_BYTES = 256 * 1024;
const MISSED_HEARTBEATS = 3;

export interface SessionNeeds {
  send(text: string): boolean;
  queuedBytes(): number;
  close(code: number, reason: string): void;
  verify(token: string): Promise<Identity | undefined>;
  /** False when the user holds too many connections. */
  signIn(identity: Identity): boolean;
  subscribe(identity: Identity, listener: (message: Uint8Array) => void): Promise<void>;
  list(identity: Identity, after: { readonly cursor: string; readonly afterNotificationId: string }): Promise<ListMessagesResponse>;
  readonly heartbeatMs: number;
  nowMs(): number;
}

type Phase = "awaiting hello" | "catching up" | "live" | "behind" | "closed";

export class Session {
  readonly #needs: SessionNeeds;
  #phase: Phase = "awaiting hello";
  #identity: Identity | undefined;
  #merge = new Merge({ epoch: "", seq: 0 });
  #topSeq = 0;
  #heardMs: number;
  #rereading = false;
  #again = false;

  constructor(needs: SessionNeeds) {
    this.#needs = needs;
    this.#heardMs = needs.nowMs();
  }

  async receive(text: string): Promise<void> {
    this.#heardMs = this.#needs.nowMs();
    const frame = readFrame(text)?.frame;
    if (this.#phase === "closed") return;
    if (frame?.case === "ping" && this.#identity) this.#send({ frame: { case: "pong", value: {} } });
    else if (frame?.case === "pong" && this.#identity) return;
    else if (frame?.case === "hello" && this.#phase === "awaiting hello") await this.#greet(frame.value);
    else this.end(closing.badFrame);
  }

  async #greet({ token, cursor, lastNotificationId }: Hello): Promise<void> {
    this.#phase = "catching up";
    const identity = await this.#needs.verify(token);
    if (!identity) return this.end(closing.badToken);
    if (cursor !== "" && !parseCursor(cursor)) return this.end(closing.badFrame);
    if (!this.#needs.signIn(identity)) return this.end(closing.tooMany);
    this.#identity = identity;
    await this.#needs.subscribe(identity, (message) => this.#hear(fromBinary(PushedSchema, message)));
    await this.#catchUp(cursor, lastNotificationId);
  }

  async #catchUp(cursor: string, lastNotificationId: string): Promise<void> {
    const first = await this.#read(cursor, lastNotificationId);
    if (!first) return;
    const from = first.reset || cursor === "" ? beginningOf(first) : (parseCursor(cursor) as Cursor);
    this.#merge = new Merge(from);
    const welcome = { cursor: from.epoch === "" ? "" : formatCursor(from), topSeq: first.topSeq, heartbeatMs: this.#needs.heartbeatMs };
    this.#send({ frame: { case: "welcome", value: welcome } });
    if (first.reset) this.#send({ frame: { case: "reset", value: {} } });
    this.#pass(first);
    this.#phase = "live";
    await this.#reread();
  }

  #hear(pushed: Pushed): void {
    const at = parseCursor(pushed.cursor);
    if (!at) return;
    this.#topSeq = Math.max(this.#topSeq, at.seq);
    if (this.#phase !== "live" || this.#rereading) {
      this.#again = true;
      return;
    }
    const judged = this.#merge.judge(at);
    if (judged === "next") this.#push(pushed, at);
    else if (judged === "hole") void this.#reread();
  }

  /** Reads on from the last message until there is nothing more: what came live meanwhile is among it. */
  async #reread(): Promise<void> {
    if (this.#rereading) return;
    this.#rereading = true;
    try {
      do {
        this.#again = false;
        const { last } = this.#merge;
        const page = await this.#read(last.epoch === "" ? "" : formatCursor(last), "");
        if (!page || this.#phase !== "live") return;
        if (page.reset) {
          this.#merge = new Merge(beginningOf(page));
          this.#send({ frame: { case: "reset", value: {} } });
        }
        this.#pass(page);
        if (page.more) this.#again = true;
      } while (this.#again);
    } finally {
      this.#rereading = false;
    }
  }

  async #read(cursor: string, lastNotificationId: string): Promise<ListMessagesResponse | undefined> {
    try {
      const page = await this.#needs.list(this.#identity as Identity, {
        cursor,
        afterNotificationId: cursor === "" ? lastNotificationId : "",
      });
      this.#topSeq = Math.max(this.#topSeq, Number(page.topSeq));
      return page;
    } catch {
      this.end(closing.failed);
      return undefined;
    }
  }

  #pass({ messages, cursor }: ListMessagesResponse): void {
    const epoch = parseCursor(cursor)?.epoch ?? "";
    for (const message of messages) {
      if (this.#phase === "closed" || this.#phase === "behind") return;
      const at = { epoch, seq: Number(message.seq) };
      if (this.#merge.judge(at) !== "repeat") this.#push({ message, cursor: formatCursor(at) }, at);
    }
  }

  #push(pushed: Pick<Pushed, "cursor"> & { message?: Pushed["message"] }, at: Cursor): void {
    if (this.#needs.queuedBytes() > MOST_QUEUED_BYTES) {
      this.#phase = "behind";
      this.#send({ frame: { case: "resync", value: { topSeq: BigInt(this.#topSeq) } } });
      return;
    }
    this.#merge.advance(at);
    this.#send({ frame: { case: "message", value: { cursor: pushed.cursor, ...(pushed.message && { message: pushed.message }) } } });
  }

  /** The queue of a slow reader has emptied. */
  drained(): void {
    if (this.#phase !== "behind") return;
    this.#phase = "live";
    void this.#reread();
  }

  /** Once a heartbeat. */
  beat(): void {
    if (this.#phase === "closed") return;
    if (this.#needs.nowMs() - this.#heardMs > MISSED_HEARTBEATS * this.#needs.heartbeatMs) this.end(closing.silent);
    else if (this.#identity) this.#send({ frame: { case: "ping", value: { topSeq: BigInt(this.#topSeq) } } });
  }

  /** Hello is due 5 s after the connection. */
  helloDue(): void {
    if (this.#phase === "awaiting hello") this.end(closing.badFrame);
  }

  end({ code, reason }: Closing, reconnectMs = code < 3500 ? 1_000 : 0): void {
    if (this.#phase === "closed") return;
    this.#send({ frame: { case: "goodbye", value: { code, reason, reconnectMs } } });
    this.#phase = "closed";
    this.#needs.close(code, reason);
  }

  closed(): Identity | undefined {
    this.#phase = "closed";
    return this.#identity;
  }

  #send(init: MessageInitShape<typeof ServerFrameSchema>): void {
    if (this.#phase === "closed") return;
    if (this.#needs.send(toJsonString(ServerFrameSchema, create(ServerFrameSchema, init)))) return;
    this.#phase = "closed";
    this.#needs.close(closing.slow.code, closing.slow.reason);
  }
}

function readFrame(text: string) {
  try {
    return fromJsonString(ClientFrameSchema, text);
  } catch {
    return undefined;
  }
}

/** The cursor before the first message of a page. */
const beginningOf = ({ messages, cursor }: ListMessagesResponse): Cursor => {
  const [first] = messages;
  return first ? { epoch: parseCursor(cursor)?.epoch ?? "", seq: Number(first.seq) - 1 } : (parseCursor(cursor) ?? { epoch: "", seq: 0 });
};
