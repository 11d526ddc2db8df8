/** The log in memory: for the simulation and for tests. */
import type { Topic } from "#domain/topics.ts";
import type { LogRecord } from "./log.ts";
import type { Storage } from "./storage.ts";

interface Kept {
  first: number;
  records: LogRecord[];
}

export function memoryStorage(): Storage {
  const partitions = new Map<string, Kept>();
  const positions = new Map<string, number>();
  const kept = (topic: Topic, partition: number): Kept => {
    const key = `${topic.name}/${partition}`;
    const found = partitions.get(key) ?? { first: 0, records: [] };
    partitions.set(key, found);
    return found;
  };
  return {
    async write(placed, moved, timeMs) {
      for (const { group, topic, partition, next } of moved) positions.set(`${group}/${topic.name}/${partition}`, next);
      return placed.map(({ output: { topic, key, value, headers = {} }, partition }) => {
        const { first, records } = kept(topic, partition);
        const offset = first + records.length;
        records.push({ topic, partition, offset, timeMs, key, value, headers });
        return offset;
      });
    },
    read(topic, partition, from, limit) {
      const { first, records } = kept(topic, partition);
      const start = Math.max(0, from - first);
      return records.slice(start, start + limit);
    },
    bounds(topic, partition) {
      const { first, records } = kept(topic, partition);
      return { end: first + records.length, first };
    },
    position: (group, topic, partition) => positions.get(`${group}/${topic.name}/${partition}`),
    async forget(topic, partition, beforeMs, limit) {
      const found = kept(topic, partition);
      let count = 0;
      while (count < limit && count < found.records.length - 1 && (found.records[count] as LogRecord).timeMs < beforeMs) count++;
      found.records.splice(0, count);
      found.first += count;
      return count;
    },
  };
}
