/** What the embedded log's records look like in SQLite, for whoever reads them: the log itself, and tools beside it. */
import type { Topic } from "#domain/topics.ts";
import type { Sql } from "#platform/sqlite/sqlite.ts";
import { lastPlaceOf, placeOf } from "./log.procedures.ts";
import type { LogRecord } from "./log.ts";
import { unpack } from "./packing.ts";
import type { Storage } from "./storage.ts";

export const sqliteReading = (sql: Sql, idOf: (topic: Topic, partition: number) => number): Pick<Storage, "bounds" | "read"> => ({
  bounds(topic, partition) {
    const id = idOf(topic, partition);
    const row = sql.get("bounds", id, placeOf(id, 0), lastPlaceOf(id));
    const end = row?.next as number;
    const oldest = row?.oldest as number | null;
    return { start: oldest === null ? end : oldest - placeOf(id, 0), end };
  },
  read(topic, partition, from, limit, maxBytes) {
    const id = idOf(topic, partition);
    const base = placeOf(id, 0);
    const wanted = sql.all("sizes", base, base + from, lastPlaceOf(id), limit);
    const first = wanted[0];
    if (first === undefined) return [];
    let last = first.place as number;
    let found = 0;
    let bytes = 0;
    for (const chunk of wanted) {
      bytes += chunk.bytes as number;
      if (found > 0 && (found >= limit || bytes > maxBytes)) break;
      last = chunk.place as number;
      found = last - base + (chunk.count as number) - from;
    }
    const records: LogRecord[] = [];
    for (const chunk of sql.all("read", first.place as number, last)) {
      const start = (chunk.place as number) - base;
      const skip = Math.max(0, from - start);
      const timeMs = chunk.time_ms as number;
      let offset = start + skip;
      for (const { key, value, headers } of unpack(chunk.records as Uint8Array, skip, limit - records.length)) {
        records.push({ topic, partition, offset: offset++, timeMs, key, value, headers });
      }
    }
    return records;
  },
});
