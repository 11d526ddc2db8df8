/** The log, in the writer thread. */
import type { Sql } from "#platform/sqlite/sqlite.ts";
import { unpack } from "./packing.ts";

const SPAN = 2 ** 36;

/** The first place of a partition. */
export const baseOf = (topicId: number, partition: number): number => (topicId * 256 + partition) * SPAN;
export const lastOf = (base: number): number => base + SPAN - 1;

interface Write {
  readonly packed: Uint8Array;
  readonly count: number;
  readonly positions: readonly { group: string; topic: string; partition: number; next: number }[];
  readonly timeMs: number;
}

export default {
  topics(sql: Sql, topics: readonly { name: string; partitions: number }[]): { id: number; name: string; partitions: number }[] {
    for (const { name, partitions } of topics) sql.run("topic", name, partitions);
    return sql.all("topics").map((row) => ({ id: Number(row.id), name: String(row.name), partitions: Number(row.partitions) }));
  },

  write(sql: Sql, { packed, count, positions, timeMs }: Write): Float64Array {
    const offsets = new Float64Array(count);
    const next = new Map<number, number>();
    let index = 0;
    unpack(packed, ({ topicId, partition, key, headers, value }) => {
      const base = baseOf(topicId, partition);
      const place = next.get(base) ?? Number(sql.get("newest", base, lastOf(base))?.place ?? base - 1) + 1;
      sql.run("put", place, timeMs, key, headers, value);
      next.set(base, place + 1);
      offsets[index++] = place - base;
    });
    for (const { group, topic, partition, next: to } of positions) sql.run("move", group, topic, partition, to);
    return offsets;
  },

  /** The newest record stays: the next offset is counted from it. */
  forget(sql: Sql, { base, beforeMs, limit }: { base: number; beforeMs: number; limit: number }): number {
    const newest = sql.get("newest", base, lastOf(base))?.place;
    return newest === null || newest === undefined ? 0 : sql.run("forget", base, Number(newest) - 1, limit, beforeMs).changes;
  },
};
