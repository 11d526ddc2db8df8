/** The embedded log's records in SQLite: packed here, written as they are by the writer thread, read and unpacked here. */
import type { Topic } from "#domain/topics.ts";
import type { Calls, Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./log.procedures.ts";
import { pack } from "./packing.ts";
import { sqliteReading } from "./reading.sqlite.ts";
import type { Storage } from "./storage.ts";

export async function sqliteStorage(database: Database, topics: readonly Topic[]): Promise<Storage> {
  const writer = await database.procedures<typeof procedures>(new URL("./log.procedures.ts", import.meta.url));
  const sql = database.reads(new URL("./log.sql", import.meta.url));
  const idOf = await partitionIds(writer, topics);

  return {
    async commit({ timeMs, durable, sections, positions }) {
      const { packed, chunks } = pack(sections.map((section) => section.outputs));
      const table = Float64Array.from(
        sections.flatMap(({ topic, partition }, i) => {
          const id = idOf(topic, partition);
          return (chunks[i] ?? []).flatMap(({ records, from, to }) => [id, records, from, to]);
        }),
      );
      return writer.write(
        {
          timeMs,
          packed,
          chunks: table,
          positions: positions.map(({ group, topic, partition, next }) => ({ group, partitionId: idOf(topic, partition), next })),
        },
        { durable, transfer: [packed.buffer, table.buffer] },
      );
    },
    ...sqliteReading(sql, idOf),
    position(group, topic, partition) {
      return sql.get("position", group, idOf(topic, partition))?.next as number | undefined;
    },
    forget: (beforeMs) => writer.forget(beforeMs),
  };
}

/** The ids of every topic's partitions; new topics are added. */
async function partitionIds(writer: Calls<typeof procedures>, topics: readonly Topic[]) {
  const there = await writer.addPartitions(
    topics.map(({ name, partitions }) => ({ name, partitions })),
    { durable: true },
  );
  const ids = new Map<string, number[]>();
  for (const { topic, partition, id } of there) {
    const ofTopic = ids.get(topic) ?? [];
    ofTopic[partition] = id;
    ids.set(topic, ofTopic);
  }
  for (const { name, partitions } of topics) {
    const recorded = ids.get(name)?.length;
    if (recorded === partitions) continue;
    throw new Error(
      `Topic "${name}" has ${recorded} partitions in the database and ${partitions} here. The number never changes: keys would move. Use a new topic.`,
    );
  }
  return (topic: Topic, partition: number): number => ids.get(topic.name)?.[partition] as number;
}
