/** What the tests on Kafka do beside the log: sweep as retention would, look, and remove what they made. */
import kafkajs from "kafkajs";
import type { Topic } from "#domain/topics.ts";

export async function kafkaAdmin(brokers: readonly string[], prefix: string) {
  const client = new kafkajs.Kafka({ brokers: [...brokers], clientId: "test", logLevel: kafkajs.logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  return {
    client,
    admin,
    /** Forgets records older than that. */
    async forget(topics: readonly Topic[], beforeMs: number): Promise<void> {
      for (const { name } of topics) {
        const partitions = await admin.fetchTopicOffsetsByTimestamp(prefix + name, beforeMs);
        const old = partitions.filter(({ offset }) => Number(offset) > 0);
        // Kafkajs refuses offsets that are before the first one kept.
        const bounds = new Map((await admin.fetchTopicOffsets(prefix + name)).map((each) => [each.partition, each]));
        const movable = old.filter(({ partition, offset }) => Number(offset) > Number(bounds.get(partition)?.low));
        if (movable.length > 0) await admin.deleteTopicRecords({ topic: prefix + name, partitions: movable });
      }
    },
    /** Removes topics and groups that begin with the prefix. */
    async remove(): Promise<void> {
      const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
      if (topics.length > 0) await admin.deleteTopics({ topics });
      const { groups } = await admin.listGroups();
      const own = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(prefix));
      if (own.length > 0) await admin.deleteGroups(own).catch(() => {});
      await admin.disconnect();
    },
  };
}
