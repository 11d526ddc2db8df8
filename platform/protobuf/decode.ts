/** Makes the function that reads a plain message, and has what it reads from. */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { type Kind, kindOf, type Rare, Unusual } from "./plain.ts";

/** Reads up to `end`. */
export type Decoder = (reader: Reader, end: number) => object;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Reader {
  at = 0;
  readonly #bytes: Uint8Array;
  #buffer: Buffer | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Of 32 bits. */
  varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.at++] as number;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = bytes[this.at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    byte = bytes[this.at++] as number;
    if (!(byte < 0x10)) throw Unusual;
    return (value | (byte << 28)) >>> 0;
  }

  int32(): number {
    const value = this.varint();
    if (value > 0x7fffffff) throw Unusual;
    return value;
  }

  uint32(): number {
    return this.varint();
  }

  bool(): boolean {
    const value = this.varint();
    if (value > 1) throw Unusual;
    return value === 1;
  }

  int64(): bigint {
    let value = 0;
    for (let unit = 1; unit < 2 ** 53; unit *= 0x80) {
      const byte = this.#bytes[this.at++] as number;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw Unusual;
        return BigInt(value);
      }
    }
    throw Unusual;
  }

  /** Where what stands behind its length ends: within `end`. */
  ending(end: number): number {
    const length = this.varint();
    const ends = this.at + length;
    if (!(ends <= end)) throw Unusual;
    return ends;
  }

  bytes(end: number): Uint8Array {
    const ends = this.ending(end);
    const value = this.#bytes.subarray(this.at, ends);
    this.at = ends;
    return value;
  }

  text(end: number): string {
    const ends = this.ending(end);
    const from = this.at;
    const bytes = this.#bytes;
    this.at = ends;
    let i = from;
    while (i < ends && (bytes[i] as number) < 0x80) i++;
    if (i < ends) return this.#utf8(bytes.subarray(from, ends));
    this.#buffer ??= Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#buffer.toString("latin1", from, ends);
  }

  #utf8(bytes: Uint8Array): string {
    try {
      return utf8.decode(bytes);
    } catch {
      throw Unusual;
    }
  }
}

const LENGTH_DELIMITED = 2;
const unset: Readonly<Record<Exclude<Kind, "message">, string>> = {
  text: `""`,
  bytes: "empty",
  bool: "false",
  int32: "0",
  uint32: "0",
  int64: "0n",
};

const empty = new Uint8Array(0);

/** For a plain message. */
export function decoderOf(desc: DescMessage, within: readonly DescMessage[] = []): Decoder {
  const inside = [...within, desc];
  const fields = desc.fields.map((field, place) => ({ field, kind: kindOf(field, inside) as Kind | Rare, place }));
  const nested = fields.map(({ field, kind }) => (kind === "message" ? decoderOf(field.message as DescMessage, inside) : undefined));
  const known = fields.filter(({ kind }) => kind !== "rare");
  const isOptional = ({ field, kind }: (typeof fields)[number]) => kind === "message" && field.fieldKind !== "list";
  const named = ({ field, place }: (typeof fields)[number]) => `${JSON.stringify(field.localName)}: f${place}`;
  const lines = [
    ...known.map(
      ({ field, kind, place }) =>
        `let f${place} = ${field.fieldKind === "list" ? "[]" : kind === "message" ? "undefined" : unset[kind as keyof typeof unset]};`,
    ),
    "while (r.at < end) switch (r.varint()) {",
    ...known.map(({ field, kind, place }) => reading(field, kind as Kind, place)),
    // Unknown, rare, or a known field that is not written as it usually is.
    "default: throw Unusual;",
    "}",
    "if (r.at !== end) throw Unusual;",
    `const m = { $typeName: ${JSON.stringify(desc.typeName)}, ${known
      .filter((each) => !isOptional(each))
      .map(named)
      .join(", ")} };`,
    ...known
      .filter(isOptional)
      .map(({ field, place }) => `if (f${place} !== undefined) m[${JSON.stringify(field.localName)}] = f${place};`),
    "return m;",
  ];
  const make = new Function("nested", "Unusual", "empty", `"use strict"; return (r, end) => {\n${lines.join("\n")}\n};`);
  return make(nested, Unusual, empty) as Decoder;
}

function reading({ fieldKind, number }: DescField, kind: Kind, place: number): string {
  const take = (value: string) => (fieldKind === "list" ? `f${place}.push(${value});` : `f${place} = ${value};`);
  const delimited = (work: string) => `case ${number * 8 + LENGTH_DELIMITED}: ${work} break;`;
  if (kind === "message") {
    const once = fieldKind === "list" ? "" : `if (f${place} !== undefined) throw Unusual; `;
    return delimited(once + take(`nested[${place}](r, r.ending(end))`));
  }
  if (kind === "text" || kind === "bytes") return delimited(take(`r.${kind}(end)`));
  if (fieldKind !== "list") return `case ${number * 8}: ${take(`r.${kind}()`)} break;`;
  return delimited(`{ const ends = r.ending(end); while (r.at < ends) ${take(`r.${kind}()`)} if (r.at !== ends) throw Unusual; }`);
}
