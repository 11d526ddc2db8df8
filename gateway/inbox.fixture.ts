/** A person's inbox as its contract says, held in the test's hand: a read sees what was there when it was asked, and answers when told to. */
import { create, toBinary } from "@bufbuild/protobuf";
import { formatCursor, parseCursor } from "#domain/cursor.ts";
import { PushedSchema } from "#gen/carillon/gateway/v1/gateway_pb.ts";
import { type ListMessagesResponse, ListMessagesResponseSchema, type Message, MessageSchema } from "#gen/carillon/inbox/v1/inbox_pb.ts";
import type { Place } from "./feed.ts";

export class HeldInbox {
  readonly #page: number;
  readonly #kept: number;
  #epochs = 0;
  #topSeq = 0;
  rows: Message[] = [];

  constructor({ page = 50, kept = Number.POSITIVE_INFINITY } = {}) {
    this.#page = page;
    this.#kept = kept;
  }

  /** Empty for a person without rows. */
  get epoch(): string {
    return this.#topSeq === 0 ? "" : `e${this.#epochs}`;
  }

  get topSeq(): number {
    return this.#topSeq;
  }

  /** Stores one and answers what the fan-out would carry. */
  put(): Uint8Array {
    const seq = ++this.#topSeq;
    const message = create(MessageSchema, { seq: BigInt(seq), notificationId: `${this.epoch}-n${seq}`, title: `the ${seq}.` });
    this.rows = [...this.rows, message].slice(-this.#kept);
    return toBinary(PushedSchema, create(PushedSchema, { message, cursor: formatCursor({ epoch: this.epoch, seq }) }));
  }

  /** A seq is used up, and no row comes of it. */
  skip(): void {
    this.#topSeq++;
  }

  /** Everything is lost, and a new epoch begins. */
  lose(): void {
    this.#epochs++;
    this.#topSeq = 0;
    this.rows = [];
  }

  /** Goes back to an older copy of itself, in the same epoch. */
  restore(topSeq: number): void {
    this.#topSeq = topSeq;
    this.rows = this.rows.filter(({ seq }) => Number(seq) <= topSeq);
  }

  list({ cursor, afterNotificationId }: Place): ListMessagesResponse {
    const { epoch } = this;
    const topSeq = this.#topSeq;
    const after = (seq: number) => this.rows.filter((row) => Number(row.seq) > seq).slice(0, this.#page);
    const known = this.rows.find(({ notificationId }) => notificationId === afterNotificationId)?.seq;
    const from = cursor === "" ? known !== undefined && { epoch, seq: Number(known) } : parseCursor(cursor);
    const start = from && from.epoch === epoch && from.seq <= topSeq ? from.seq : undefined;
    const found = start === undefined ? [] : after(start);
    const continues = start !== undefined && (found.length === 0 || Number(found[0]?.seq) === start + 1);
    const messages = continues ? found : after(topSeq - this.#page);
    const last = messages.at(-1)?.seq;
    const reset = (cursor !== "" || afterNotificationId !== "") && !continues;
    return create(ListMessagesResponseSchema, {
      ...{ messages, reset, topSeq: BigInt(topSeq), more: last !== undefined && Number(last) < topSeq },
      cursor: last === undefined ? (reset ? "" : cursor) : formatCursor({ epoch, seq: Number(last) }),
    });
  }
}
