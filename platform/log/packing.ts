/**
 * Many records as one buffer, so that a batch crosses to the writer thread as one transfer instead of thousands of copied objects.
 *
 * A record is topic id and partition (16 bits each), the lengths of key, headers and value (32 bits each), then those three.
 */
export interface PackedRecord {
  readonly topicId: number;
  readonly partition: number;
  readonly key: string;
  /** JSON. */
  readonly headers: string;
  readonly value: Uint8Array;
}

const HEAD = 16;

export function pack(records: readonly PackedRecord[]): Uint8Array<ArrayBuffer> {
  let most = 0;
  for (const { key, headers, value } of records) most += HEAD + key.length * 3 + headers.length * 3 + value.byteLength;
  const buffer = Buffer.from(new ArrayBuffer(most));
  let at = 0;
  for (const { topicId, partition, key, headers, value } of records) {
    const keyBytes = buffer.write(key, at + HEAD);
    const headerBytes = buffer.write(headers, at + HEAD + keyBytes);
    buffer.writeUInt16LE(topicId, at);
    buffer.writeUInt16LE(partition, at + 2);
    buffer.writeUInt32LE(keyBytes, at + 4);
    buffer.writeUInt32LE(headerBytes, at + 8);
    buffer.writeUInt32LE(value.byteLength, at + 12);
    at += HEAD + keyBytes + headerBytes;
    buffer.set(value, at);
    at += value.byteLength;
  }
  return new Uint8Array(buffer.buffer as ArrayBuffer, 0, at);
}

export function unpack(packed: Uint8Array, each: (record: PackedRecord) => void): void {
  const buffer = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  for (let at = 0; at < buffer.length; ) {
    const keyBytes = buffer.readUInt32LE(at + 4);
    const headerBytes = buffer.readUInt32LE(at + 8);
    const valueBytes = buffer.readUInt32LE(at + 12);
    const keyAt = at + HEAD;
    const valueAt = keyAt + keyBytes + headerBytes;
    each({
      topicId: buffer.readUInt16LE(at),
      partition: buffer.readUInt16LE(at + 2),
      key: buffer.toString("utf8", keyAt, keyAt + keyBytes),
      headers: buffer.toString("utf8", keyAt + keyBytes, valueAt),
      value: buffer.subarray(valueAt, valueAt + valueBytes),
    });
    at = valueAt + valueBytes;
  }
}
