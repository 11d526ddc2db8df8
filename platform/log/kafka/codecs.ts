/**
 * The compressions that records of other programs may come in, besides the gzip that kafkajs brings: zstd by node:zlib, lz4 and snappy
 * unpacked here. Nothing of ours is compressed by them.
 *
 * Broken or cut-off data throws a RangeError.
 */
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import kafkajs from "kafkajs";

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md: blocks until one of length 0; checksums are not looked at. */
export function unpackLz4(data: Buffer): Buffer {
  if (data.readUInt32LE(0) !== 0x184d2204) throw new RangeError("not an lz4 frame");
  const flags = data.readUInt8(4);
  const [isIndependent, hasBlockChecksum, hasSize, hasDictionary] = [flags & 0x20, flags & 0x10, flags & 0x08, flags & 0x01];
  const output = new Output();
  let at = 7 + (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0);
  for (let head = data.readUInt32LE(at); head !== 0; head = data.readUInt32LE(at)) {
    const length = head & 0x7fffffff;
    at += 4;
    if (at + length > data.length) throw new RangeError("a block is cut off");
    const block = data.subarray(at, at + length);
    if (head >>> 31) output.append(block, 0, length);
    else unpackLz4Block(block, output, isIndependent ? output.length : 0);
    at += length + (hasBlockChecksum ? 4 : 0);
  }
  return output.bytes();
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md: literals and a copy, over and over; the last has no copy. */
function unpackLz4Block(block: Buffer, output: Output, base: number): void {
  let at = 0;
  const extended = (nibble: number): number => {
    let length = nibble;
    if (nibble !== 15) return length;
    let byte: number;
    do {
      byte = block.readUInt8(at++);
      length += byte;
    } while (byte === 255);
    return length;
  };
  while (at < block.length) {
    const token = block.readUInt8(at++);
    const literals = extended(token >>> 4);
    output.append(block, at, literals);
    at += literals;
    if (at >= block.length) return;
    const distance = block.readUInt16LE(at);
    at += 2;
    output.repeat(distance, extended(token & 15) + 4, base);
  }
}

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);

/** One raw block, or, as Java's clients write it, a header of 16 bytes and blocks behind their lengths. */
export function unpackSnappy(data: Buffer): Buffer {
  const output = new Output();
  if (!data.subarray(0, XERIAL.length).equals(XERIAL)) unpackSnappyBlock(data, output);
  else
    for (let at = 16; at < data.length; ) {
      const length = data.readUInt32BE(at);
      at += 4;
      if (at + length > data.length) throw new RangeError("a block is cut off");
      unpackSnappyBlock(data.subarray(at, at + length), output);
      at += length;
    }
  return output.bytes();
}

/** https://github.com/google/snappy/blob/main/format_description.txt: the length, then literals and copies of three widths. */
function unpackSnappyBlock(block: Buffer, output: Output): void {
  const base = output.length;
  let at = 0;
  while (block.readUInt8(at++) > 0x7f);
  while (at < block.length) {
    const tag = block.readUInt8(at++);
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >>> 2;
      if (length >= 60) {
        const width = length - 59;
        length = block.readUIntLE(at, width);
        at += width;
      }
      output.append(block, at, length + 1);
      at += length + 1;
    } else if (kind === 1) {
      output.repeat(((tag >>> 5) << 8) | block.readUInt8(at), ((tag >>> 2) & 7) + 4, base);
      at += 1;
    } else {
      const width = kind === 2 ? 2 : 4;
      output.repeat(block.readUIntLE(at, width), (tag >>> 2) + 1, base);
      at += width;
    }
  }
}

/** What a batch may unpack to, at most: a batch is at most two mebibytes as it travels. */
const MOST_BYTES = 64 * 1024 * 1024;

class Output {
  length = 0;
  #buffer = Buffer.allocUnsafe(64 * 1024);

  append(from: Buffer, start: number, length: number): void {
    if (start + length > from.length) throw new RangeError("literals are cut off");
    this.#reserve(length);
    from.copy(this.#buffer, this.length, start, start + length);
    this.length += length;
  }

  /** Copies from what has been written since `base`; it may overlap what it writes, and then repeats it. */
  repeat(distance: number, length: number, base: number): void {
    const from = this.length - distance;
    if (distance === 0 || from < base) throw new RangeError("a copy from before the beginning");
    this.#reserve(length);
    for (let i = 0; i < length; i++) this.#buffer[this.length + i] = this.#buffer[from + i] as number;
    this.length += length;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  #reserve(more: number): void {
    const needed = this.length + more;
    if (needed > MOST_BYTES) throw new RangeError(`unpacks to more than ${MOST_BYTES} bytes`);
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.length);
    this.#buffer = larger;
  }
}

const packZstd = promisify(zstdCompress) as (data: Buffer) => Promise<Buffer>;
const unpackZstd = promisify(zstdDecompress) as (data: Buffer) => Promise<Buffer>;

const unpacks = (unpack: (data: Buffer) => Buffer) => () => ({
  compress: async () => {
    throw new Error("Nothing is written in this compression.");
  },
  decompress: async (data: Buffer) => unpack(data),
});

export function registerCodecs(): void {
  const { CompressionCodecs: codecs, CompressionTypes: types } = kafkajs;
  codecs[types.ZSTD] = () => ({ compress: (encoder: { buffer: Buffer }) => packZstd(encoder.buffer), decompress: unpackZstd });
  codecs[types.LZ4] = unpacks(unpackLz4);
  codecs[types.Snappy] = unpacks(unpackSnappy);
}
