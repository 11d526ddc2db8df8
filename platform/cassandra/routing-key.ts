/**
 * The bytes of a partition's key, by whose hash its hosts are found: the columns as Cassandra encodes them, of several each behind its
 * length and before a zero. An int is given as a number, a bigint as a BigInt.
 */
import type { Param } from "./cassandra.ts";

export function routingKey(partition: readonly Param[]): Buffer {
  const parts = partition.map((each) => {
    if (typeof each === "string") return Buffer.from(each);
    const number = Buffer.alloc(typeof each === "bigint" ? 8 : 4);
    if (typeof each === "bigint") number.writeBigInt64BE(each);
    else number.writeInt32BE(each as number);
    return number;
  });
  if (parts.length === 1) return parts[0] as Buffer;
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(part.length);
      return [length, part, Buffer.alloc(1)];
    }),
  );
}
