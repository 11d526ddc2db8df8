/** The log's storage in SQLite. */
import type { Topic } from "#domain/topics.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import type { LogRecord } from "./log.ts";
import type procedures from "./log.procedures.ts";
import { baseOf, lastOf } from "./log.procedures.ts";
import { pack } from "./packing.ts";
import type { Storage } from "./storage.ts";

const NO_HEADERS = Object.freeze({});

export async function sqliteStorage(database: Database, topics: readonly Topic[]): Promise<Storage> {
  const calls = await database.procedures<typeof procedures>(new URL("./log.procedures.ts", import.meta.url));
  const sql = database.reads(new URL("./log.sql", import.meta.url));
  const known = await calls.topics(topics.map(({ name, partitions }) => ({ name, partitions })), { durable: true });
  const ids = new Map(known.map(({ name, id }) => [name, id]));
  for (const { name, partitions } of topics) {
    const there = known.find((each) => each.name === name)?.partitions;
    if (there !== partitions) throw new Error(`Topic ${name} has ${there} partitions in the database and ${partitions} here; the count of a live topic never changes.`);
  }
  const base = (topic: Topic, partition: number) => baseOf(ids.get(topic.name) as number, partition);

  return {
    async write(placed, positions, timeMs, durable) {
      const packed = pack(
        placed.map(({ output: { topic, key, value, headers }, partition }) => ({
          topicId: ids.get(topic.name) as number,
          partition,
          key,
          headers: headers ? JSON.stringify(headers) : "",
          value,
        })),
      );
      const moved = positions.map(({ group, topic, partition, next }) => ({ group, topic: topic.name, partition, next }));
      const args = { packed, count: placed.length, positions: moved, timeMs };
      return Array.from(await calls.write(args, { durable, transfer: [packed.buffer] }));
    },
    read(topic, partition, from, limit): LogRecord[] {
      const start = base(topic, partition);
      return sql.all("read", start + from, lastOf(start), limit).map((row) => ({
        topic,
        partition,
        offset: Number(row.place) - start,
        timeMs: Number(row.time_ms),
        key: row.key as string,
        value: row.value as Uint8Array,
        headers: row.headers === "" ? NO_HEADERS : JSON.parse(row.headers as string),
      }));
    },
    bounds(topic, partition) {
      const start = base(topic, partition);
      const newest = sql.get("newest", start, lastOf(start))?.place;
      const oldest = sql.get("oldest", start, lastOf(start))?.place;
      return { end: newest == null ? 0 : Number(newest) - start + 1, first: oldest == null ? 0 : Number(oldest) - start };
    },
    position(group, topic, partition) {
      const row = sql.get("position", group, topic.name, partition);
      return row && Number(row.next);
    },
    forget: (topic, partition, beforeMs, limit) => calls.forget({ base: base(topic, partition), beforeMs, limit }),
  };
}
