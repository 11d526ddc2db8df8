import { randomUUID } from "node:crypto";
import pino from "pino";
import { describe, expect, inject, it, onTestFinished, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import { systemClock } from "#platform/clock.ts";
import { kafkaLog } from "../log.kafka.ts";
import { kafkaAdmin } from "./admin.fixture.ts";

describe("a topic that somebody else made", () => {
  const made = async (settings: Readonly<Record<string, string>>) => {
    const topicPrefix = `t${randomUUID().slice(0, 8)}.`;
    const { kafka: brokers } = inject("engines");
    const { admin, remove } = await kafkaAdmin(brokers, topicPrefix);
    onTestFinished(remove);
    const topic = topics.deadEmail;
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const name = topicPrefix + topic.name;
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic: name, numPartitions: topic.partitions, configEntries }] });
    await vi.waitFor(async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
      expect(topics[0]?.partitions.map(({ leader }) => leader)).not.toContain(-1);
    }, 10_000);
    const warned: string[] = [];
    const logger = pino({ level: "warn" }, { write: (line: string) => void warned.push((JSON.parse(line) as { msg: string }).msg) });
    const open = async () => {
      const log = await kafkaLog({ brokers, topics: [topic], topicPrefix, clock: systemClock, logger });
      await log.close();
    };
    return { name, open, warned };
  };

  it("is refused with the command that mends it when it takes too small records, or keeps the last of each key only", async () => {
    const small = await made({ "max.message.bytes": "1048588" });
    await expect(small.open()).rejects.toThrow(
      `Kafka's topic "${small.name}" takes records of 1048588 bytes, and must take 2097152: kafka-configs --alter --entity-type topics ` +
        `--entity-name ${small.name} --add-config max.message.bytes=2097152`,
    );
    const compacted = await made({ "max.message.bytes": "2097152", "cleanup.policy": "compact" });
    await expect(compacted.open()).rejects.toThrow(`Kafka's topic "${compacted.name}" is compacted`);
  });

  it("is used with a warning when it forgets sooner than what this program makes, and without one when it is as good", async () => {
    const short = await made({ "max.message.bytes": "2097152", "retention.ms": "3600000" });
    await short.open();
    expect(short.warned).toEqual([
      `Kafka's topic ${short.name} keeps records for 3600000 ms, not ${topics.RETENTION_MS}: what waits longer is lost`,
    ]);
    const good = await made({ "max.message.bytes": "3000000", "retention.ms": "-1" });
    await good.open();
    expect(good.warned).toEqual([]);
  });
});
