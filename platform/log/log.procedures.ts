/** The log's writing, in the writer thread. Records pass through packed; only chunks are looked at. */
import type { Row, Sql } from "#platform/sqlite/sqlite.ts";
import type { Forgotten } from "./storage.ts";

const SPAN = 2 ** 40;

/** The place of an offset, and the last place of a partition. */
export const placeOf = (partitionId: number, offset: number): number => partitionId * SPAN + offset;
export const lastPlaceOf = (partitionId: number): number => (partitionId + 1) * SPAN - 1;

export interface PackedWrite {
  readonly timeMs: number;
  readonly packed: Uint8Array;
  /** Four numbers a chunk: partition id, records, and from where to where it stands in `packed`. Chunks of a partition follow each other. */
  readonly chunks: Float64Array;
  readonly positions: readonly { readonly group: string; readonly partitionId: number; readonly next: number }[];
}

/** Chunks that one step of forgetting deletes, at most. */
const FORGET_STEP = 100;

const addPartitions = (sql: Sql, topics: readonly { name: string; partitions: number }[]) => {
  const known = new Set(sql.all("partitions").map((row) => row.topic));
  for (const { name, partitions } of topics) {
    if (!known.has(name)) for (let partition = 0; partition < partitions; partition++) sql.run("add-partition", name, partition);
  }
  return sql.all("partitions").map((row) => ({ id: row.id as number, topic: row.topic as string, partition: row.partition as number }));
};

/** Answers the first offset of each partition written, in the order of the chunks. */
const write = (sql: Sql, { timeMs, packed, chunks, positions }: PackedWrite): number[] => {
  const firsts: number[] = [];
  for (let i = 0; i < chunks.length; ) {
    const id = chunks[i] as number;
    let next = sql.get("next", id)?.next as number;
    firsts.push(next);
    for (; i < chunks.length && chunks[i] === id; i += 4) {
      const records = chunks[i + 1] as number;
      sql.run("put", placeOf(id, next), records, timeMs, packed.subarray(chunks[i + 2], chunks[i + 3]));
      next += records;
    }
    sql.run("set-next", next, id);
  }
  for (const { group, partitionId, next } of positions) sql.run("move", group, partitionId, next);
  return firsts;
};

const forget = (sql: Sql, beforeMs: number): Forgotten => {
  const stretches: Forgotten["stretches"][number][] = [];
  let left = FORGET_STEP;
  for (const row of sql.all("partitions")) {
    const id = row.id as number;
    const from = placeOf(id, 0);
    // Only from the front: a clock that was set back must not tear a hole.
    const oldest = sql.all("oldest", from, lastPlaceOf(id), left);
    const fresh = oldest.findIndex((chunk) => (chunk.time_ms as number) >= beforeMs);
    const old = fresh < 0 ? oldest.length : fresh;
    if (old === 0) continue;
    const [first, last] = [oldest[0] as Row, oldest[old - 1] as Row];
    sql.run("forget", from, last.place as number);
    stretches.push({
      ...{ topic: row.topic as string, partition: row.partition as number },
      ...{ from: (first.place as number) - from, to: (last.place as number) - from + (last.count as number) },
    });
    left -= old;
    if (left === 0) return { stretches, more: true };
  }
  return { stretches, more: false };
};

export default { addPartitions, write, forget };
