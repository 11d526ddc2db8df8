/**
 * A mail as it goes over the wire, which tells how far it has come.
 *
 * It is handed over when its last byte, the dot that ends it, has been given to the socket. Before that nothing can have been sent; from then
 * on only the server's answer tells.
 */
import { Readable, type Writable } from "node:stream";

export class Message extends Readable {
  isHandedOver = false;
  /** Where it goes: one that fits is written to it in one go, with its dot. */
  socket: Writable | undefined;
  readonly #raw: Uint8Array;
  readonly #handedOver: () => void;

  constructor(raw: Uint8Array, handedOver: () => void) {
    super();
    this.#raw = raw;
    this.#handedOver = handedOver;
  }

  /** The server has been given something of it, or is about to be. */
  get isBegun(): boolean {
    return this.readableDidRead;
  }

  override _read(): void {
    this.push(this.#raw);
    this.push(null);
  }

  /** nodemailer pipes it into the stream that adds the dot, and that one to the socket: it has ended when the socket has been given all. */
  override pipe<T extends NodeJS.WritableStream>(to: T, options?: { end?: boolean }): T {
    // A corked socket that is full would never say that it has drained.
    const corked = this.socket && 2 * this.#raw.byteLength < this.socket.writableHighWaterMark ? this.socket : undefined;
    corked?.cork();
    (to as unknown as Writable).once("end", () => {
      corked?.uncork();
      this.isHandedOver = true;
      this.#handedOver();
    });
    return super.pipe(to, options);
  }
}
