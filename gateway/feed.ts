/**
 * A person's messages on their way to one connection: first what the inbox holds after their last one, then what comes live, each once
 * and in order.
 *
 * The inbox is the truth and live messages are news of it. One that fits goes out at once; anything else is a reason to read on from the
 * last message: it came while a read was under way, or shows a hole. Whoever listens before calling `open` therefore loses nothing. A
 * reader who falls behind gets one `resync` in the place of a queue, and is read to from their last message once the queue has emptied.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { type Cursor, formatCursor, parseCursor } from "#domain/cursor.ts";
import { type Pushed, PushedSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import type { ListMessagesResponse } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import type { Told } from "./frames.ts";
import { Merge } from "./merge.ts";

/** Where to read on: at most one of the two is not empty. */
export interface Place {
  readonly cursor: string;
  readonly afterNotificationId: string;
}

export interface FeedNeeds {
  read(after: Place): Promise<ListMessagesResponse>;
  /** The first page is here: its messages follow, those after the cursor. */
  welcome(cursor: string): void;
  tell(frame: Told): void;
  /** The connection's queue is too long for another message. */
  isFull(): boolean;
  failed(error: unknown): void;
}

const NOWHERE: Cursor = { epoch: "", seq: 0 };

export class Feed {
  readonly #needs: FeedNeeds;
  #state: "opening" | "open" | "behind" | "over" = "opening";
  #merge = new Merge(NOWHERE);
  #topSeq = 0;
  #reading = false;
  /** Something is known to lie after the last message, or may. */
  #unread = false;

  constructor(needs: FeedNeeds) {
    this.#needs = needs;
  }

  /** The newest seq of the person, as far as this feed knows. */
  get topSeq(): bigint {
    return BigInt(Math.max(this.#topSeq, this.#merge.last.seq));
  }

  async open(place: Place): Promise<void> {
    try {
      const page = await this.#needs.read(place);
      if (this.#state !== "opening") return;
      const from = page.reset || place.cursor === "" ? beforeFirstOf(page) : (parseCursor(place.cursor) ?? NOWHERE);
      this.#merge = new Merge(from);
      this.#topSeq = Number(page.topSeq);
      this.#state = "open";
      this.#needs.welcome(textOf(from));
      this.#take(page);
    } catch (error) {
      this.#needs.failed(error);
    }
    if (this.#unread) await this.readOn();
  }

  /** A message from the fan-out. Never throws: whoever publishes has nothing to do with this connection. */
  hear(message: Uint8Array): void {
    try {
      const pushed = fromBinary(PushedSchema, message);
      const at = parseCursor(pushed.cursor);
      if (!at) throw new Error("a message without a cursor came from the fan-out");
      if (this.#state !== "open" || this.#reading) this.#unread = true;
      else this.#place(pushed, at);
    } catch (error) {
      this.#needs.failed(error);
    }
  }

  /** Messages from the fan-out may have been lost. A read that is under way may have begun before they were there. */
  missed(): void {
    if (this.#state !== "open" || this.#reading) this.#unread = true;
    else void this.readOn();
  }

  #place(pushed: Pushed, at: Cursor): void {
    const judged = this.#merge.judge(at);
    if (judged === "next") this.#push(pushed, at);
    else if (judged === "hole") void this.readOn();
  }

  /** Reads on from the last message until there is nothing more. */
  async readOn(): Promise<void> {
    if (this.#reading || this.#state !== "open") return;
    this.#reading = true;
    try {
      do {
        this.#unread = false;
        this.#take(await this.#needs.read({ cursor: textOf(this.#merge.last), afterNotificationId: "" }));
      } while (this.#unread && this.#state === "open");
    } catch (error) {
      this.#needs.failed(error);
    } finally {
      this.#reading = false;
    }
  }

  #take(page: ListMessagesResponse): void {
    if (page.reset) {
      this.#merge = new Merge(beforeFirstOf(page));
      this.#needs.tell({ case: "reset", value: {} });
    }
    this.#topSeq = Number(page.topSeq);
    if (page.more) this.#unread = true;
    const epoch = epochOf(page);
    const { last } = this.#merge;
    const [first] = page.messages;
    if (last.epoch === "") this.#merge = new Merge({ epoch, seq: last.seq });
    if (last.epoch === "" && first && Number(first.seq) > last.seq + 1) {
      // Read without a cursor for want of an epoch, so the newest page, which begins too late: now it can be read properly.
      this.#unread = true;
      return;
    }
    for (const message of page.messages) {
      if (this.#state !== "open") return;
      const at = { epoch, seq: Number(message.seq) };
      if (this.#merge.judge(at) !== "repeat") this.#push({ message, cursor: formatCursor(at) }, at);
    }
  }

  #push({ message, cursor }: Pick<Pushed, "message" | "cursor">, at: Cursor): void {
    if (this.#needs.isFull()) {
      this.#state = "behind";
      this.#topSeq = Math.max(this.#topSeq, at.seq);
      this.#needs.tell({ case: "resync", value: { topSeq: this.topSeq } });
      return;
    }
    this.#merge.advance(at);
    this.#needs.tell({ case: "message", value: { cursor, ...(message && { message }) } });
  }

  /** The queue of a slow reader has emptied. */
  drained(): void {
    if (this.#state !== "behind") return;
    this.#state = "open";
    void this.readOn();
  }

  stop(): void {
    this.#state = "over";
  }
}

const textOf = (at: Cursor): string => (at.epoch === "" ? "" : formatCursor(at));

const epochOf = ({ cursor }: ListMessagesResponse): string => parseCursor(cursor)?.epoch ?? "";

/** The place before the first message of a page; an empty page stands at the top. */
const beforeFirstOf = (page: ListMessagesResponse): Cursor => {
  const [first] = page.messages;
  return { epoch: epochOf(page), seq: first ? Number(first.seq) - 1 : Number(page.topSeq) };
};
