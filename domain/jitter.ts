/** Jitter without chance: the same text gives the same part of the whole, so that a replay waits as long as the first time. */

/** 0 to below 1, by FNV-1a with a final mix (of murmur3), since FNV alone leaves its last characters in the low bits. */
export function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
