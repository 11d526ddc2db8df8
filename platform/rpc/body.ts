/**
 * Request bodies: whole, within a limit; or as a stream.
 *
 * A body over the limit is read on and thrown away up to a bound, so that its sender gets to read the answer: many clients do not look for
 * one until they have sent everything.
 */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { Problem } from "#domain/errors.ts";
import type { Exchange } from "./exchange.ts";
import type { Load } from "./shed.ts";

/** A batch of a thousand notifications fits; what one notification may weigh is its contract's rule. */
export const MOST_MESSAGE_BYTES = 4 * 1_024 * 1_024;
export const MOST_THROWN_AWAY_BYTES = 16 * 1_024 * 1_024;
/** A streamed request is paused while its reader is this far behind. */
const MOST_UNREAD_BYTES = 256 * 1_024;

const unzip = promisify(gunzip);

/**
 * Must be called in the tick that the request arrived in. Rejects with Problem BODY_TOO_LARGE once the rest has been thrown away, and with
 * the exchange's own reason when the caller goes away. What is refused because of its load is read on and thrown away too.
 */
export function readBody(exchange: Exchange, limitBytes: number, load?: Load): Promise<Uint8Array> {
  const declared = Number(exchange.head.headers.get("content-length") ?? 0);
  return new Promise((resolve, reject) => {
    exchange.signal.addEventListener("abort", () => reject(exchange.signal.reason), { once: true });
    if (declared > MOST_THROWN_AWAY_BYTES) {
      exchange.closing = true;
      return reject(tooLarge(limitBytes));
    }
    let body: Gathered | undefined = new Gathered(declared <= limitBytes ? declared : 0);
    let bytes = 0;
    let refusal: unknown;
    const refuse = (why: unknown) => {
      refusal ??= why;
      body = undefined;
    };
    load?.onShed(refuse);
    // At once for all that is to come, so that nobody sends half of what there is no room for.
    let held = Math.min(declared, limitBytes);
    holding(held, load, refuse);
    exchange.onChunk((chunk, last) => {
      bytes += chunk.byteLength;
      if (bytes > limitBytes) refuse(tooLarge(limitBytes));
      else if (bytes > held && body) {
        holding(bytes - held, load, refuse);
        held = bytes;
      }
      body?.add(chunk);
      if (body && last) return resolve(body.whole());
      if (body) return;
      exchange.closing ||= bytes > MOST_THROWN_AWAY_BYTES;
      if (last || exchange.closing) reject(refusal);
    });
  });
}

/** Copies of chunks, in one place when it is known beforehand how many bytes there will be. */
class Gathered {
  readonly #place: Uint8Array;
  #bytes = 0;
  readonly #more: Uint8Array[] = [];

  constructor(expectedBytes: number) {
    this.#place = Buffer.allocUnsafe(expectedBytes);
  }

  add(chunk: Uint8Array): void {
    if (this.#bytes + chunk.byteLength <= this.#place.byteLength) {
      this.#place.set(chunk, this.#bytes);
      this.#bytes += chunk.byteLength;
    } else if (chunk.byteLength > 0) this.#more.push(chunk.slice());
  }

  whole(): Uint8Array {
    const first = this.#place.subarray(0, this.#bytes);
    return this.#more.length === 0 ? first : Buffer.concat([first, ...this.#more]);
  }
}

export function holding(bytes: number, load: Load | undefined, refuse: (why: unknown) => void): void {
  try {
    load?.hold(bytes);
  } catch (why) {
    refuse(why);
  }
}

export const tooLarge = (limitBytes: number): Problem =>
  new Problem("BODY_TOO_LARGE", { message: `The body is larger than ${limitBytes / 1_024} KiB, the most that this path takes.` });

/** Takes gzip off; what comes out may not be over the limit either. */
export async function unpacked(body: Uint8Array, encoding: string | null, limitBytes: number, load?: Load): Promise<Uint8Array> {
  if (encoding === null || encoding === "identity") return body;
  if (encoding !== "gzip") throw new Problem("UNSUPPORTED_MEDIA_TYPE", { message: "This path takes no content-encoding but gzip." });
  const expected = Math.min(endOf(body), limitBytes);
  load?.hold(expected);
  try {
    const plain = await unzip(body, { maxOutputLength: limitBytes });
    load?.hold(plain.byteLength - expected);
    return plain;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw new Problem("BODY_TOO_LARGE", { cause });
    if (cause instanceof Problem) throw cause;
    throw new Problem("INVALID_REQUEST", { message: "The body is not gzip, although its content-encoding says so.", cause });
  }
}

/** How large gzip says its contents are (RFC 1952, ISIZE): what is held for them before they are there. */
const endOf = (body: Uint8Array): number =>
  body.byteLength < 4 ? 0 : new DataView(body.buffer, body.byteOffset + body.byteLength - 4).getUint32(0, true);

/** The chunks as they arrive. Must be called in the tick that the request arrived in. */
export function bodyStream(exchange: Exchange): AsyncIterable<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let unread = 0;
  let ended = false;
  let paused = false;
  let wake = () => {};
  exchange.onChunk((chunk, last) => {
    if (chunk.byteLength > 0) chunks.push(chunk.slice());
    unread += chunk.byteLength;
    ended = last;
    if (!last && !paused && unread > MOST_UNREAD_BYTES) {
      paused = true;
      exchange.pause();
    }
    wake();
  });
  exchange.signal.addEventListener("abort", () => wake(), { once: true });
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const chunk = chunks.shift();
        if (chunk) {
          unread -= chunk.byteLength;
          if (paused && unread <= MOST_UNREAD_BYTES) {
            paused = false;
            exchange.resume();
          }
          yield chunk;
        } else if (ended) {
          return;
        } else if (exchange.signal.aborted) {
          throw exchange.signal.reason;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}
