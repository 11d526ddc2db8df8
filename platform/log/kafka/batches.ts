/**
 * Batches of records as Kafka keeps them, written straight into the request that carries them: no object a record, no copy before the last.
 *
 * https://kafka.apache.org/documentation/#recordbatch, version 2, uncompressed, of a producer without sequence numbers.
 */
import { crc32c } from "./crc32c.ts";
import type { Message } from "./records.ts";

/** What a batch takes besides its records. */
export const BATCH_BYTES = 61;
const MAGIC = 2;
/** Where it stands in a batch: length counts from behind itself, the sum covers what stands behind it. */
const LENGTH_AT = 8;
const SUM_AT = 17;
const NONE = 0xff;

/** Bytes being written, in the order and widths of the protocol. */
export class Out {
  readonly bytes: Buffer;
  at = 0;

  constructor(most: number) {
    this.bytes = Buffer.allocUnsafe(most);
  }

  get written(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  int8(value: number): void {
    this.at = this.bytes.writeInt8(value, this.at);
  }

  int16(value: number): void {
    this.at = this.bytes.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.at = this.bytes.writeInt32BE(value, this.at);
  }

  /** Any safe integer. */
  int64(value: number): void {
    const high = Math.floor(value / 2 ** 32);
    this.at = this.bytes.writeInt32BE(high, this.at);
    this.at = this.bytes.writeUInt32BE(value - high * 2 ** 32, this.at);
  }

  /** Zigzag, seven bits a byte. Any safe integer of half the range. */
  varint(value: number): void {
    let left = zigzag(value);
    for (; left > 0x7fffffff; left = Math.floor(left / 128)) this.bytes[this.at++] = (left % 128) | 128;
    for (; left > 127; left >>>= 7) this.bytes[this.at++] = (left & 127) | 128;
    this.bytes[this.at++] = left;
  }

  /** Seven bits a byte, not zigzag. */
  unsigned(value: number): void {
    let left = value;
    for (; left > 127; left >>>= 7) this.bytes[this.at++] = (left & 127) | 128;
    this.bytes[this.at++] = left;
  }

  /** Its length before it. */
  string16(value: string): void {
    const length = this.bytes.write(value, this.at + 2);
    this.int16(length);
    this.at += length;
  }

  /** `length`: of its UTF-8. */
  text(value: string, length: number): void {
    this.varint(length);
    this.at += this.bytes.write(value, this.at);
  }

  raw(value: Uint8Array): void {
    this.varint(value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
  }
}

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);

function widthOf(value: number): number {
  let width = 1;
  for (let left = zigzag(value); left > 127; left = Math.floor(left / 128)) width++;
  return width;
}

export function writeBatch(out: Out, messages: readonly Message[]): void {
  const { bytes, at: start } = out;
  const baseMs = messages[0]?.timeMs ?? 0;
  const newestMs = messages.reduce((newest, { timeMs }) => Math.max(newest, timeMs), baseMs);
  // Its offset is the broker's to say; so is its length ours to say when it is known.
  bytes.fill(0, start, start + BATCH_BYTES);
  out.at = start + LENGTH_AT + 4;
  out.int32(-1);
  out.int8(MAGIC);
  out.at = start + SUM_AT + 4;
  out.int16(0);
  out.int32(messages.length - 1);
  out.int64(baseMs);
  out.int64(newestMs);
  // No producer id, epoch or sequence.
  bytes.fill(NONE, out.at, out.at + 14);
  out.at += 14;
  out.int32(messages.length);
  for (let nth = 0; nth < messages.length; nth++) writeRecord(out, messages[nth] as Message, nth, baseMs);
  bytes.writeInt32BE(out.at - start - LENGTH_AT - 4, start + LENGTH_AT);
  bytes.writeUInt32BE(crc32c(bytes, start + SUM_AT + 4, out.at), start + SUM_AT);
}

function writeRecord(out: Out, { key, value, headers, timeMs }: Message, nth: number, baseMs: number): void {
  const keyLength = Buffer.byteLength(key);
  const names = headers === undefined ? [] : Object.keys(headers);
  let length = 1 + widthOf(timeMs - baseMs) + widthOf(nth) + widthOf(keyLength) + keyLength + widthOf(value.length) + value.length;
  length += widthOf(names.length);
  for (const name of names) length += sizeOf(name) + sizeOf(headers?.[name] as string);
  out.varint(length);
  out.int8(0);
  out.varint(timeMs - baseMs);
  out.varint(nth);
  out.text(key, keyLength);
  out.raw(value);
  out.varint(names.length);
  for (const name of names) {
    const text = headers?.[name] as string;
    out.text(name, Buffer.byteLength(name));
    out.text(text, Buffer.byteLength(text));
  }
}

function sizeOf(text: string): number {
  const length = Buffer.byteLength(text);
  return widthOf(length) + length;
}
