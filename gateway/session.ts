/**
 * One connection's conversation: hello, the person's messages, heartbeats, goodbye. Speaks frames; knows neither sockets nor how an inbox
 * is kept.
 */
import { formatCursor, parseCursor } from "#domain/cursor.ts";
import type { Hello } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import type { ListMessagesResponse } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import { type Closing, closing } from "./closing.ts";
import { Feed, type Place } from "./feed.ts";
import { readFrame, type Told, writeFrame } from "./frames.ts";
import type { Identity } from "./token.ts";

/** A slow reader's queue, before it is collapsed. */
const MOST_QUEUED_BYTES = 256 * 1024;
const MISSED_HEARTBEATS = 3;
/** What the inbox takes for a notification id. */
const MOST_ID_CHARS = 64;
/** How long whoever may come back should wait at least. */
const RECONNECT_MS = 1_000;

export interface SessionNeeds {
  /** False when the frame was dropped: the connection is lost. */
  send(text: string): boolean;
  queuedBytes(): number;
  close(code: number, reason: string): void;
  verify(token: string): Promise<Identity | undefined>;
  /** False when the user holds too many connections. */
  signIn(identity: Identity): boolean;
  /** `missed`: messages may have been lost since. */
  subscribe(identity: Identity, listener: (message: Uint8Array) => void, missed: () => void): Promise<void>;
  list(identity: Identity, after: Place): Promise<ListMessagesResponse>;
  /** What ends the connection without the browser's doing. */
  report(error: unknown): void;
  readonly heartbeatMs: number;
  nowMs(): number;
}

/** Of no inbox, so that the answer is a reset: whoever comes back with what nobody can read would come back with it for ever. */
const UNKNOWN = formatCursor({ epoch: "-", seq: 0 });

const placeOf = (cursor: string, lastNotificationId: string): Place => {
  if (cursor === "") return { cursor, afterNotificationId: lastNotificationId.slice(0, MOST_ID_CHARS) };
  return { cursor: parseCursor(cursor) ? cursor : UNKNOWN, afterNotificationId: "" };
};

type Phase = "awaiting hello" | "greeting" | "greeted" | "closed";

export class Session {
  readonly #needs: SessionNeeds;
  #phase: Phase = "awaiting hello";
  #identity: Identity | undefined;
  #feed: Feed | undefined;
  #heardMs: number;

  constructor(needs: SessionNeeds) {
    this.#needs = needs;
    this.#heardMs = needs.nowMs();
  }

  async receive(text: string): Promise<void> {
    if (this.#is("closed")) return;
    this.#heardMs = this.#needs.nowMs();
    const frame = readFrame(text);
    if (this.#is("awaiting hello")) {
      if (frame?.case === "hello") await this.#greet(frame.value).catch((error: unknown) => this.#fail(error));
      else this.end(closing.badFrame);
    } else if (frame?.case === "ping") this.#send({ case: "pong", value: {} });
    else if (frame?.case !== "pong") this.end(closing.badFrame);
  }

  /** Listens before it reads, so that nothing falls between. */
  async #greet({ token, cursor, lastNotificationId }: Hello): Promise<void> {
    this.#phase = "greeting";
    const identity = await this.#needs.verify(token);
    if (this.#is("closed")) return;
    if (!identity) return this.end(closing.badToken);
    if (!this.#needs.signIn(identity)) return this.end(closing.tooMany);
    this.#identity = identity;
    const feed = this.#feedOf(identity);
    this.#feed = feed;
    await this.#needs.subscribe(
      identity,
      (message) => feed.hear(message),
      () => feed.missed(),
    );
    await feed.open(placeOf(cursor, lastNotificationId));
  }

  #feedOf(identity: Identity): Feed {
    const feed: Feed = new Feed({
      read: (after) => this.#needs.list(identity, after),
      welcome: (cursor) => {
        this.#phase = "greeted";
        this.#send({ case: "welcome", value: { cursor, topSeq: feed.topSeq, heartbeatMs: this.#needs.heartbeatMs } });
      },
      tell: (frame) => this.#send(frame),
      isFull: () => this.#needs.queuedBytes() > MOST_QUEUED_BYTES,
      failed: (error) => this.#fail(error),
    });
    return feed;
  }

  /** The queue of a slow reader has emptied. */
  drained(): void {
    this.#feed?.drained();
  }

  /** Once a heartbeat. Looks into the inbox too: a live message may have been lost, and without a later one nothing shows the hole. */
  async beat(): Promise<void> {
    if (this.#is("closed") || this.#is("awaiting hello")) return;
    if (this.#needs.nowMs() - this.#heardMs > MISSED_HEARTBEATS * this.#needs.heartbeatMs) return this.end(closing.silent);
    await this.#feed?.readOn();
    if (this.#feed && this.#is("greeted")) this.#send({ case: "ping", value: { topSeq: this.#feed.topSeq } });
  }

  /** The time for hello is over. */
  helloDue(): void {
    if (this.#is("awaiting hello")) this.end(closing.late);
  }

  end({ code, reason }: Closing, reconnectMs = code < 3500 ? RECONNECT_MS : 0): void {
    if (this.#is("closed")) return;
    this.#send({ case: "goodbye", value: { code, reason, reconnectMs } });
    this.#close(code, reason);
  }

  /** The connection is gone. Answers who had signed in. */
  closed(): Identity | undefined {
    this.#phase = "closed";
    this.#feed?.stop();
    return this.#identity;
  }

  #fail(error: unknown): void {
    if (this.#is("closed")) return;
    this.#needs.report(error);
    this.end(closing.failed);
  }

  #send(frame: Told): void {
    if (!this.#is("closed") && !this.#needs.send(writeFrame(frame))) this.#close(closing.slow.code, closing.slow.reason);
  }

  #close(code: number, reason: string): void {
    if (this.#is("closed")) return;
    this.closed();
    this.#needs.close(code, reason);
  }

  #is(phase: Phase): boolean {
    return this.#phase === phase;
  }
}
