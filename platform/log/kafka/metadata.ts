/**
 * What the brokers say of topics and leaders, partition by partition: a topic that is not there, or a partition that nobody leads, is an
 * answer like any other.
 *
 * Kafkajs throws away the whole answer when anything in it is at fault, and then none of its clients gets on, neither who sends nor who
 * reads: one partition of dead letters without a leader would hold up everything.
 */
import { type BrokerPool, brokerPoolClass, type Cluster, clusterClass, metadataAnswers } from "./internals.ts";

/** As Kafka calls the leader of a partition that has none. */
const NOBODY = -1;
/** What is at fault is asked about again so soon. */
const AGAIN_MS = 2_000;

/** From now on all clients of this process take it so. */
export function learnByPartition(): void {
  for (const answer of metadataAnswers()) answer.parse = async (said) => said;
  askAgainSoon();
  const { prototype } = clusterClass();
  const { findLeaderForPartitions, fetchTopicsOffset } = prototype;
  prototype.findLeaderForPartitions = function (this: Cluster, topic, partitions) {
    const { [NOBODY]: _, ...led } = findLeaderForPartitions.call(this, topic, partitions);
    return led;
  };
  // Kafkajs' consumer looks for every topic that it asked about.
  prototype.fetchTopicsOffset = async function (this: Cluster, topics) {
    const found = await fetchTopicsOffset.call(this, topics);
    const without = topics.filter(({ topic }) => found.every((each) => each.topic !== topic));
    return [...found, ...without.map(({ topic }) => ({ topic, partitions: [] }))];
  };
}

/** Who reads would otherwise go on for half a minute by what was said last. */
function askAgainSoon(): void {
  const { prototype } = brokerPoolClass();
  const { refreshMetadata } = prototype;
  prototype.refreshMetadata = async function (this: BrokerPool, topics) {
    await refreshMetadata.call(this, topics);
    const isAtFault = this.metadata?.topicMetadata.some(
      ({ topicErrorCode, partitionMetadata }) =>
        topicErrorCode !== 0 || partitionMetadata.some(({ partitionErrorCode }) => partitionErrorCode !== 0),
    );
    if (isAtFault) this.metadataExpireAt = Date.now() + AGAIN_MS;
  };
}

/** Of one topic, by its name in Kafka: what nobody can write or read for the time being. */
export interface Fault {
  readonly topic: string;
  readonly isMissing: boolean;
  readonly partitions: readonly number[];
}

/** By what the cluster was told last. */
export function faultsIn(cluster: Cluster, topics: ReadonlyMap<string, number>): readonly Fault[] {
  return [...topics].flatMap(([topic, count]) => {
    const known = cluster.findTopicPartitionMetadata(topic);
    const led = new Set(known.filter(({ leader }) => leader !== NOBODY).map(({ partitionId }) => partitionId));
    const partitions = Array.from({ length: count }, (_, partition) => partition).filter((partition) => !led.has(partition));
    return partitions.length === 0 ? [] : [{ topic, isMissing: known.length === 0, partitions }];
  });
}

/** Undefined while nobody leads it, or there is no such topic. */
export const leaderOf = (cluster: Cluster, topic: string, partition: number): string | undefined =>
  Object.keys(cluster.findLeaderForPartitions(topic, [partition]))[0];
