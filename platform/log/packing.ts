/**
 * Many records as one buffer: what crosses to the writer thread in one transfer, and what stands in a chunk of the SQLite storage.
 *
 * A record is its key, its headers and its value, each behind its length in bytes (headers: their number, then name and value of each).
 * Lengths are varints as in Protobuf; text is UTF-8.
 */
import type { Output } from "./log.ts";

/** Where in the packed buffer a chunk's records stand. */
export interface Chunk {
  readonly records: number;
  readonly from: number;
  readonly to: number;
}

/** A chunk ends here, so that a reader in the middle of one does not read megabytes to find its place. */
const MAX_CHUNK_RECORDS = 500;
const MAX_CHUNK_BYTES = 128 * 1024;

const MAX_VARINT = 5;
const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

const mostBytes = ({ key, value, headers }: Output): number => {
  let most = MAX_VARINT * 3 + key.length * 3 + value.byteLength;
  if (headers !== undefined) for (const name in headers) most += MAX_VARINT * 2 + (name.length + (headers[name] as string).length) * 3;
  return most;
};

class Packer {
  readonly buffer: Buffer<ArrayBuffer>;
  at = 0;

  constructor(most: number) {
    this.buffer = Buffer.from(new ArrayBuffer(most));
  }

  number(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.buffer[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.at++] = rest;
  }

  text(text: string): void {
    const { length } = text;
    // Short ASCII, as nearly all of it is, goes faster without leaving JavaScript; its length fits one byte.
    if (length < 0x80) {
      const start = this.at + 1;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        this.buffer[start + i] = code;
      }
      if (i === length) {
        this.buffer[this.at] = length;
        this.at = start + length;
        return;
      }
    }
    this.number(Buffer.byteLength(text));
    this.at += this.buffer.write(text, this.at);
  }

  record({ key, value, headers }: Output): void {
    this.text(key);
    if (headers === undefined) this.number(0);
    else {
      const names = Object.keys(headers);
      this.number(names.length);
      for (const name of names) {
        this.text(name);
        this.text(headers[name] as string);
      }
    }
    this.number(value.byteLength);
    this.buffer.set(value, this.at);
    this.at += value.byteLength;
  }
}

/** Packs every section behind the last one, and answers the chunks of each. */
export function pack(sections: readonly (readonly Output[])[]): { packed: Uint8Array<ArrayBuffer>; chunks: readonly (readonly Chunk[])[] } {
  let most = 0;
  for (const outputs of sections) for (const output of outputs) most += mostBytes(output);
  const packer = new Packer(most);
  const chunks = sections.map((outputs) => {
    const ofSection: Chunk[] = [];
    let from = packer.at;
    let records = 0;
    const end = () => {
      ofSection.push({ records, from, to: packer.at });
      from = packer.at;
      records = 0;
    };
    for (const output of outputs) {
      packer.record(output);
      records++;
      if (records === MAX_CHUNK_RECORDS || packer.at - from >= MAX_CHUNK_BYTES) end();
    }
    if (records > 0) end();
    return ofSection;
  });
  return { packed: new Uint8Array(packer.buffer.buffer, 0, packer.at), chunks };
}

export interface Packed {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** The records of a chunk, without the first `skip`, `limit` at most. Values are views of the chunk. */
export function unpack(chunk: Uint8Array, skip: number, limit: number): Packed[] {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  };
  const text = (): string => {
    const length = number();
    at += length;
    return bytes.toString("utf8", at - length, at);
  };
  const pass = () => {
    const length = number();
    at += length;
  };

  for (let i = 0; i < skip && at < bytes.length; i++) {
    pass();
    for (let names = number(); names > 0; names--) {
      pass();
      pass();
    }
    pass();
  }
  const records: Packed[] = [];
  while (at < bytes.length && records.length < limit) {
    const key = text();
    let headers = NO_HEADERS;
    const names = number();
    if (names > 0) headers = Object.fromEntries(Array.from({ length: names }, () => [text(), text()] as const));
    const length = number();
    at += length;
    records.push({ key, headers, value: chunk.subarray(at - length, at) });
  }
  return records;
}
