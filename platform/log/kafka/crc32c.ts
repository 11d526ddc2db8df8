/** CRC-32C (Castagnoli), which covers each batch of records: eight bytes at a time, by eight tables. Node has none of its own. */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

const tables = Uint32Array.from({ length: SLICES * 256 });
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  tables[byte] = crc;
}
for (let at = 256; at < tables.length; at++) {
  const before = entry(at - 256);
  tables[at] = (before >>> 8) ^ entry(before & 0xff);
}

function entry(place: number): number {
  return tables[place] as number;
}

export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  let crc = -1;
  let at = from;
  for (; at + SLICES <= to; at += SLICES) {
    crc ^= (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
    crc =
      entry(0x700 | (crc & 0xff)) ^
      entry(0x600 | ((crc >>> 8) & 0xff)) ^
      entry(0x500 | ((crc >>> 16) & 0xff)) ^
      entry(0x400 | (crc >>> 24)) ^
      entry(0x300 | (bytes[at + 4] as number)) ^
      entry(0x200 | (bytes[at + 5] as number)) ^
      entry(0x100 | (bytes[at + 6] as number)) ^
      entry(bytes[at + 7] as number);
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ entry((crc ^ (bytes[at] as number)) & 0xff);
  return ~crc >>> 0;
}
