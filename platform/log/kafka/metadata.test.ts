import kafkajs from "kafkajs";
import { beforeEach, expect, test } from "vitest";
import { type Cluster, metadataAnswers, openCluster } from "./internals.ts";
import { faultsIn, leaderOf, learnByPartition } from "./metadata.ts";

const LEADER_NOT_AVAILABLE = 5;
const UNKNOWN_TOPIC = 3;
const said = {
  brokers: [],
  topicMetadata: [
    {
      topic: "a",
      topicErrorCode: 0,
      partitionMetadata: [
        { partitionId: 0, leader: 1, partitionErrorCode: 0 },
        { partitionId: 1, leader: -1, partitionErrorCode: LEADER_NOT_AVAILABLE },
      ],
    },
    { topic: "gone", topicErrorCode: UNKNOWN_TOPIC, partitionMetadata: [] },
    { topic: "whole", topicErrorCode: 0, partitionMetadata: [{ partitionId: 0, leader: 2, partitionErrorCode: 0 }] },
  ],
};

let cluster: Cluster & { brokerPool: { metadata: unknown } };

learnByPartition();

beforeEach(() => {
  const logger = new kafkajs.Kafka({ brokers: ["127.0.0.1:1"], logLevel: 0 }).logger();
  cluster = openCluster({
    ...{ logger, brokers: () => ["127.0.0.1:1"], clientId: "test", connectionTimeout: 1_000, requestTimeout: 1_000 },
    ...{ enforceRequestTimeout: true, metadataMaxAge: 1_000, allowAutoTopicCreation: false },
    retry: { retries: 0, initialRetryTime: 1, maxRetryTime: 1 },
  }) as typeof cluster;
  cluster.brokerPool.metadata = said;
});

test("an answer in which something is at fault is taken as it is", async () => {
  for (const answer of metadataAnswers()) expect(await answer.parse(said)).toBe(said);
});

test("a partition has the leader that it has, and where it has none, or is of no topic, nobody", () => {
  expect([leaderOf(cluster, "a", 0), leaderOf(cluster, "a", 1), leaderOf(cluster, "gone", 0)]).toEqual(["1", undefined, undefined]);
});

test("faults are told by topic: what nobody leads, and all of what is not there", () => {
  const topics = new Map(Object.entries({ a: 2, gone: 3, whole: 1 }));
  expect(faultsIn(cluster, topics)).toEqual([
    { topic: "a", isMissing: false, partitions: [1] },
    { topic: "gone", isMissing: true, partitions: [0, 1, 2] },
  ]);
});

test("where partitions begin is asked of those that have a leader; a topic without one is answered with nothing", async () => {
  const asked: string[] = [];
  cluster.findBroker = async ({ nodeId }) =>
    ({
      async listOffsets({ topics }: { topics: readonly { topic: string; partitions: readonly { partition: number }[] }[] }) {
        asked.push(...topics.flatMap(({ topic, partitions }) => partitions.map(({ partition }) => `${nodeId}: ${topic}/${partition}`)));
        return {
          responses: topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.map((each) => ({ ...each, offset: "7" })) })),
        };
      },
    }) as never;
  const of = (topic: string, count: number) => ({
    ...{ topic, fromBeginning: true },
    partitions: Array.from({ length: count }, (_, partition) => ({ partition })),
  });
  expect(await cluster.fetchTopicsOffset([of("a", 2), of("gone", 3)])).toEqual([
    { topic: "a", partitions: [{ partition: 0, offset: "7" }] },
    { topic: "gone", partitions: [] },
  ]);
  expect(asked).toEqual(["1: a/0"]);
});
