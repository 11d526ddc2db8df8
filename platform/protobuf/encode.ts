/** Makes the function that writes a plain message, and has what it writes into. */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { type Kind, kindOf, type Rare, Unusual } from "./plain.ts";

export type Encoder = (message: Readonly<Record<string, unknown>>, writer: Writer) => void;

const FIRST_BYTES = 64 * 1_024;
const MOST_BYTES_KEPT = 1_024 * 1_024;
const SHARED_BYTES = 8 * 1_024;
const SHARED_MOST_BYTES = 1_024;

/** One buffer for all messages, one after the other. Values of a type that they should not have are unusual. */
export class Writer {
  #bytes = Buffer.from(new ArrayBuffer(FIRST_BYTES));
  #at = 0;
  #shared = new ArrayBuffer(SHARED_BYTES);
  #taken = 0;

  finish(): Uint8Array<ArrayBuffer> {
    const written = this.#room(this.#at);
    written.set(this.#bytes.subarray(0, this.#at));
    this.reset();
    return written;
  }

  /** A message's memory costs more than its bytes; those made one after the other live about as long, and share theirs. */
  #room(length: number): Uint8Array<ArrayBuffer> {
    if (length > SHARED_MOST_BYTES) return new Uint8Array(length);
    if (this.#taken + length > SHARED_BYTES) {
      this.#shared = new ArrayBuffer(SHARED_BYTES);
      this.#taken = 0;
    }
    const room = new Uint8Array(this.#shared, this.#taken, length);
    this.#taken += length;
    return room;
  }

  reset(): void {
    this.#at = 0;
    if (this.#bytes.length > MOST_BYTES_KEPT) this.#bytes = Buffer.from(new ArrayBuffer(FIRST_BYTES));
  }

  text(tag: number, value: unknown): void {
    if (typeof value !== "string") throw Unusual;
    const { length } = value;
    this.#make(length * 3 + 10);
    this.#varint(tag);
    const bytes = this.#bytes;
    // Short ASCII, as nearly all of it is, goes faster without leaving JavaScript; its length fits one byte.
    if (length < 0x80) {
      const start = this.#at + 1;
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 0x7f) break;
        bytes[start + i] = code;
      }
      if (i === length) {
        bytes[this.#at] = length;
        this.#at = start + length;
        return;
      }
    }
    this.#varint(Buffer.byteLength(value));
    this.#at += bytes.write(value, this.#at);
  }

  bytes(tag: number, value: unknown): void {
    if (!(value instanceof Uint8Array)) throw Unusual;
    this.#make(value.length + 10);
    this.#varint(tag);
    this.#varint(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  bool(tag: number, value: unknown): void {
    if (value !== true) throw Unusual;
    this.#make(6);
    this.#varint(tag);
    this.#bytes[this.#at++] = 1;
  }

  int32(tag: number, value: unknown): void {
    this.#make(10);
    this.#varint(tag);
    this.int32Item(value);
  }

  /** Of a packed list, and negative ones are unusual. */
  int32Item(value: unknown): void {
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 0x7fffffff) throw Unusual;
    this.#make(5);
    this.#varint(value as number);
  }

  uint32(tag: number, value: unknown): void {
    this.int32(tag, value);
  }

  int64(tag: number, value: unknown): void {
    if (typeof value !== "bigint" || value < 0n || value > Number.MAX_SAFE_INTEGER) throw Unusual;
    this.#make(15);
    this.#varint(tag);
    let rest = Number(value);
    for (; rest > 0x7fffffff; rest = Math.floor(rest / 0x80)) this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
    this.#varint(rest);
  }

  /** Begins what stands behind its length in bytes; `close` is to be given the answer. */
  open(tag: number): number {
    this.#make(10);
    this.#varint(tag);
    return this.#at++;
  }

  close(opened: number): void {
    const length = this.#at - opened - 1;
    if (length < 0x80) {
      this.#bytes[opened] = length;
      return;
    }
    const more = length < 0x4000 ? 1 : length < 0x200000 ? 2 : 3;
    if (length >= 0x10000000) throw Unusual;
    this.#make(more);
    this.#bytes.copyWithin(opened + 1 + more, opened + 1, this.#at);
    const end = this.#at + more;
    this.#at = opened;
    this.#varint(length);
    this.#at = end;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  #make(room: number): void {
    if (this.#at + room <= this.#bytes.length) return;
    const larger = Buffer.from(new ArrayBuffer(Math.max(this.#bytes.length * 2, this.#at + room)));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

const LENGTH_DELIMITED = 2;
const isSet: Readonly<Record<Exclude<Kind, "message">, string>> = {
  text: `v !== ""`,
  bytes: "v.length !== 0",
  bool: "v !== false",
  int32: "v !== 0",
  uint32: "v !== 0",
  int64: "v !== 0n",
};

/** For a plain message, or what one may be created from. */
export function encoderOf(desc: DescMessage, within: readonly DescMessage[] = []): Encoder {
  const inside = [...within, desc];
  const fields = [...desc.fields].sort((a, b) => a.number - b.number);
  const nested = fields.map((field) => (kindOf(field, inside) === "message" ? encoderOf(field.message as DescMessage, inside) : undefined));
  const lines = [
    // A message of another type is an error, and one with fields that this version does not know keeps them.
    `if (m.$typeName !== undefined && m.$typeName !== ${JSON.stringify(desc.typeName)} || m.$unknown !== undefined) throw Unusual;`,
    ...fields.map((field, place) => {
      const written = writing(field, kindOf(field, inside) as Kind | Rare, place);
      return `{ const v = m[${JSON.stringify(field.localName)}]; if (v !== undefined && v !== null) { ${written} } }`;
    }),
  ];
  return new Function("nested", "Unusual", `"use strict"; return (m, w) => {\n${lines.join("\n")}\n};`)(nested, Unusual) as Encoder;
}

function writing({ fieldKind, number }: DescField, kind: Kind | Rare, place: number): string {
  const delimited = number * 8 + LENGTH_DELIMITED;
  const nested = (value: string) => `const at = w.open(${delimited}); nested[${place}](${value}, w); w.close(at);`;
  if (kind === "rare") return "throw Unusual;";
  if (fieldKind !== "list") {
    if (kind === "message") return nested("v");
    return `if (${isSet[kind]}) w.${kind}(${kind === "text" || kind === "bytes" ? delimited : number * 8}, v);`;
  }
  if (kind === "message") return `for (const each of v) { ${nested("each")} }`;
  if (kind === "text") return `for (const each of v) w.text(${delimited}, each);`;
  return `if (v.length > 0) { const at = w.open(${delimited}); for (const each of v) w.int32Item(each); w.close(at); }`;
}
