/**
 * The topics as Kafka has them: created where they are missing, and looked at where they are there. Partition counts are never changed.
 *
 * Safe from several machines at once: whoever comes second finds them there.
 */
import type { Admin } from "kafkajs";
import type { Topic } from "#domain/topics.ts";
import { lookAt, WrongTopics } from "./existing.ts";
import type { Names } from "./names.ts";
import { mostRecordBytes } from "./record-bytes.ts";

export interface TopicsNeeds {
  readonly admin: Admin;
  readonly names: Names;
  /** The brokers that were configured: a cluster of three, one of which is away now, still gets three replicas. */
  readonly brokers: readonly string[];
  /** Replicas of each record. Default: three where there are three brokers, else one. */
  readonly replication?: number | undefined;
  readonly retentionMs: number;
}

const CREATE_MS = 10_000;
/** Of the topics that this log makes; three replicas survive the loss of one and go on. */
const REPLICAS = 3;

/** Answers what of the topics that were there is at fault, or weaker than what this log would have made, a sentence each. */
export async function ensureTopics({ admin, names, brokers, replication, retentionMs }: TopicsNeeds): Promise<readonly string[]> {
  const known = new Set(await admin.listTopics());
  const missing = names.topics.filter((topic) => !known.has(names.of(topic)));
  const replicas = replication ?? (await defaultReplicas(admin, brokers));
  const inSync = replicas >= REPLICAS ? 2 : 1;
  if (missing.length > 0) {
    await admin.createTopics({
      waitForLeaders: false,
      timeout: CREATE_MS,
      topics: missing.map((topic) => ({
        topic: names.of(topic),
        numPartitions: topic.partitions,
        replicationFactor: replicas,
        configEntries: [
          { name: "min.insync.replicas", value: String(inSync) },
          { name: "retention.ms", value: String(retentionMs) },
          { name: "max.message.bytes", value: String(mostRecordBytes(topic)) },
          // What other programs compress with lz4 or the like, the broker keeps in a form that everybody can read.
          { name: "compression.type", value: "uncompressed" },
        ],
      })),
    });
  }
  const wanted = { replicas, inSync, retentionMs };
  // Throws where a topic is not there yet, or has just been made and lacks a leader: the caller tries again.
  const { topics } = await admin.fetchTopicMetadata({ topics: names.topics.map((topic) => names.of(topic)) });
  const replicasOf = new Map<Topic, number>();
  const faults: string[] = [];
  for (const topic of names.topics) {
    const name = names.of(topic);
    const partitions = topics.find((each) => each.name === name)?.partitions ?? [];
    if (partitions.length === 0) {
      // Throws what is wrong for good, as for want of rights.
      await lookAt({ admin, names, topics: [topic], wanted, replicasOf });
      throw new Error(`topic ${name} is not known to every broker yet`);
    }
    if (partitions.length !== topic.partitions)
      throw new WrongTopics(
        `Kafka's topic "${name}" has ${partitions.length} partitions, and this program keeps order by ${topic.partitions}. ` +
          "The number never changes: give the program another topic prefix, or move the records to a topic that has the right number.",
      );
    const leaderless = partitions.filter(({ leader }) => leader < 0).length;
    if (leaderless > 0 && !known.has(name)) throw new Error(`topic ${name} has a partition without a leader`);
    // Of those that were there: whoever made it has had its time, and what is for the others shall not wait.
    if (leaderless > 0) faults.push(`topic ${name} has partitions that nobody leads (${leaderless}): what is for them waits`);
    replicasOf.set(topic, Math.min(...partitions.map((each) => each.replicas.length)));
  }
  const found = names.topics.filter((topic) => known.has(names.of(topic)));
  return [...faults, ...(await lookAt({ admin, names, topics: found, wanted, replicasOf }))];
}

async function defaultReplicas(admin: Admin, configured: readonly string[]): Promise<number> {
  const { brokers } = await admin.describeCluster();
  return Math.max(brokers.length, configured.length) >= REPLICAS ? REPLICAS : 1;
}
