/**
 * Whether a committed position ever stood above something unfinished: for each delivery that the email workers read, what became of it has to
 * be in the log by the time that the first position above it was seen.
 */
import pino from "pino";
import { deliveryEvents, email, type Topic } from "#domain/topics.ts";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { DeliveryEventSchema, DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import { systemClock } from "#platform/clock.ts";
import { kafkaLog } from "#platform/log/log.kafka.ts";
import type { LogRecord } from "#platform/log/log.ts";
import { decode } from "#platform/protobuf/codec.ts";
import type { FaultMesh } from "./mesh.ts";
import type { Sample } from "./watch.ts";

const READ = [email.high, email.medium, email.low];

export interface Positions {
  /** Records that a position was above too early, of those that came since this was opened, in words. */
  passed(samples: readonly Sample[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function openPositions(mesh: FaultMesh): Promise<Positions> {
  const log = await kafkaLog({
    ...{ brokers: mesh.engines.addresses.kafka, topics: [...READ, deliveryEvents], topicPrefix: `${mesh.prefix}.` },
    ...{ clock: systemClock, logger: pino({ level: "silent" }) },
  });
  const begins = new Map<string, number>();
  for (const topic of [...READ, deliveryEvents])
    for (let partition = 0; partition < topic.partitions; partition++)
      begins.set(`${topic.name}/${partition}`, (await log.bounds(topic, partition)).end);
  const read = (topic: Topic, partition: number) =>
    log.read(topic, partition, begins.get(`${topic.name}/${partition}`) as number, Number.POSITIVE_INFINITY);

  return {
    async passed(samples) {
      const told = await toldIn(read);
      const early: string[] = [];
      for (const topic of READ)
        for (let partition = 0; partition < topic.partitions; partition++) {
          const name = `${mesh.prefix}.${topic.name}/${partition}`;
          /** When each try was first in the log: one that the scheduler wrote twice has one outcome. */
          const triedMs = new Map<string, number>();
          for (const record of await read(topic, partition)) {
            const { deliveryId, cycle, attempt, wait } = decode(DeliverySchema, record.value);
            const tried = `${deliveryId} ${cycle}/${attempt}/${wait}`;
            if (!triedMs.has(tried)) triedMs.set(tried, record.timeMs);
            const sinceMs = triedMs.get(tried) as number;
            const above = samples.find(({ next }) => (next.get(name) ?? 0) > record.offset);
            if (!above) continue;
            const isTold = told.get(deliveryId)?.some((atMs) => sinceMs <= atMs && atMs <= above.atMs);
            if (!isTold) early.push(`${name} stood above ${record.offset} before it was known what became of ${tried}`);
          }
        }
      return early;
    },
    close: () => log.close(),
  };
}

/** When it came into the log what became of tries, by delivery. */
async function toldIn(read: (topic: Topic, partition: number) => Promise<readonly LogRecord[]>): Promise<Map<string, number[]>> {
  const told = new Map<string, number[]>();
  for (let partition = 0; partition < deliveryEvents.partitions; partition++)
    for (const { value, timeMs } of await read(deliveryEvents, partition)) {
      const { deliveryId, status } = decode(DeliveryEventSchema, value);
      if (deliveryId === "" || status === DeliveryStatus.QUEUED) continue;
      told.set(deliveryId, [...(told.get(deliveryId) ?? []), timeMs]);
    }
  return told;
}
