/** Reads several partitions of a topic as people want to see them: together, in the order of the records' times. */
import type { Topic } from "#domain/topics.ts";
import type { LogReader, LogRecord } from "./log.ts";

const PAGE = 200;

/** The next offset to read, by partition. */
export type Nexts = Map<number, number>;

/**
 * Everything from `nexts` to the ends as they are when it begins; `nexts` moves along, so that a later call goes on from there. Within a
 * partition the order is the log's, whatever the times say.
 */
export async function* inOrder(reader: LogReader, topic: Topic, nexts: Nexts): AsyncGenerator<LogRecord> {
  const lanes = await Promise.all(
    [...nexts.keys()].map(async (partition) => ({ partition, end: (await reader.bounds(topic, partition)).end, page: [] as LogRecord[] })),
  );
  for (;;) {
    for (const lane of lanes) {
      const next = nexts.get(lane.partition) as number;
      if (lane.page.length > 0 || next >= lane.end) continue;
      // Newest first, so that the next one is popped.
      lane.page = (await reader.read(topic, lane.partition, next, Math.min(PAGE, lane.end - next))).toReversed();
      // What was there has been forgotten meanwhile.
      if (lane.page.length === 0) nexts.set(lane.partition, lane.end);
    }
    const heads = lanes.filter(({ page }) => page.length > 0).sort((one, other) => timeOf(one.page) - timeOf(other.page));
    const record = heads[0]?.page.pop();
    if (!record) return;
    nexts.set(record.partition, record.offset + 1);
    yield record;
  }
}

const timeOf = (page: readonly LogRecord[]): number => page.at(-1)?.timeMs as number;

/** Where to begin for all that there is, or for no more than so many of each partition. */
export async function beginnings(reader: LogReader, topic: Topic, partitions: readonly number[], most: number): Promise<Nexts> {
  const bounds = await Promise.all(partitions.map((partition) => reader.bounds(topic, partition)));
  return new Map(bounds.map(({ start, end }, at) => [partitions[at] as number, Math.max(start, end - most)]));
}
