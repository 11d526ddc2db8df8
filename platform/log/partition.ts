/**
 * Which partition a key goes to: Kafka's default partitioner, so that every client in any language finds the same one.
 *
 * Murmur2 with Kafka's seed over the key's UTF-8 bytes, made positive, modulo the partitions.
 */
const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** Keys are almost always ASCII: their bytes are written here, without an allocation. */
let scratch = new Uint8Array(512);
const encoder = new TextEncoder();

function utf8(key: string): number {
  const length = key.length;
  if (length * 3 > scratch.length) scratch = new Uint8Array(length * 3);
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(i);
    if (code > 0x7f) return encoder.encodeInto(key, scratch).written;
    scratch[i] = code;
  }
  return length;
}

export function murmur2(key: string): number {
  const length = utf8(key);
  const bytes = scratch;
  let h = SEED ^ length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    let k = (bytes[i] as number) | ((bytes[i + 1] as number) << 8) | ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  if (i < length) {
    if (length - i === 3) h ^= (bytes[i + 2] as number) << 16;
    if (length - i >= 2) h ^= (bytes[i + 1] as number) << 8;
    h = Math.imul(h ^ (bytes[i] as number), M);
  }
  h = Math.imul(h ^ (h >>> 13), M);
  return h ^ (h >>> 15);
}

export const partitionOf = (key: string, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions;
