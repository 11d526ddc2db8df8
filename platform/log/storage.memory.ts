/** The embedded log's records in memory: for tests and the simulation. Gone with the process. */
import type { LogRecord } from "./log.ts";
import type { Forgotten, Storage } from "./storage.ts";

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
const MAX_FORGOTTEN = 1_000;

interface Kept {
  readonly topic: string;
  readonly partition: number;
  start: number;
  records: LogRecord[];
}

export function memoryStorage(): Storage {
  const partitions = new Map<string, Kept>();
  const positions = new Map<string, number>();
  const kept = (topic: string, partition: number): Kept => {
    const name = `${topic}/${partition}`;
    let found = partitions.get(name);
    if (found === undefined) {
      found = { topic, partition, start: 0, records: [] };
      partitions.set(name, found);
    }
    return found;
  };
  const positionName = (group: string, topic: string, partition: number) => `${topic}/${partition}/${group}`;

  return {
    async commit({ timeMs, sections, positions: moved }) {
      const firsts = sections.map(({ topic, partition, outputs }) => {
        const { start, records } = kept(topic.name, partition);
        const first = start + records.length;
        let offset = first;
        for (const { key, value, headers = NO_HEADERS } of outputs) {
          records.push({ topic, partition, offset: offset++, timeMs, key, value, headers });
        }
        return first;
      });
      for (const { group, topic, partition, next } of moved) {
        const name = positionName(group, topic.name, partition);
        positions.set(name, Math.max(next, positions.get(name) ?? 0));
      }
      return firsts;
    },
    bounds(topic, partition) {
      const { start, records } = kept(topic.name, partition);
      return { start, end: start + records.length };
    },
    position: (group, topic, partition) => positions.get(positionName(group, topic.name, partition)),
    read(topic, partition, from, limit, maxBytes) {
      const { start, records } = kept(topic.name, partition);
      const found: LogRecord[] = [];
      let bytes = 0;
      for (let i = Math.max(0, from - start); i < records.length && found.length < limit && bytes < maxBytes; i++) {
        const record = records[i] as LogRecord;
        found.push(record);
        bytes += record.value.byteLength;
      }
      return found;
    },
    async forget(beforeMs) {
      const stretches: Forgotten["stretches"][number][] = [];
      let more = false;
      for (const each of partitions.values()) {
        let old = 0;
        while (old < MAX_FORGOTTEN && (each.records[old]?.timeMs ?? Number.POSITIVE_INFINITY) < beforeMs) old++;
        if (old === 0) continue;
        each.records = each.records.slice(old);
        stretches.push({ topic: each.topic, partition: each.partition, from: each.start, to: each.start + old });
        each.start += old;
        more ||= old === MAX_FORGOTTEN;
      }
      return { stretches, more };
    },
  };
}
