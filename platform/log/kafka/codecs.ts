/**
 * The compressions that records of other producers may come in; kafkajs brings gzip. Ours are sent as they are.
 */
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import kafkajs from "kafkajs";

const decompressZstd = promisify(zstdDecompress) as (data: Buffer) => Promise<Buffer>;
const compressZstd = promisify(zstdCompress) as (data: Buffer) => Promise<Buffer>;

export function registerCodecs(): void {
  const { CompressionCodecs: codecs, CompressionTypes: types } = kafkajs;
  codecs[types.ZSTD] = () => ({
    compress: (encoder: { buffer: Buffer }) => compressZstd(encoder.buffer),
    decompress: (data: Buffer) => decompressZstd(data),
  });
}
