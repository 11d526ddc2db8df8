import { createRequire } from "node:module";
import kafkajs from "kafkajs";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  batchOf,
  bodyOf,
  brokerPoolClass,
  calmRequestQueue,
  fetchedFrom,
  installedVersion,
  metadataAnswers,
  openCluster,
  requestQueue,
  VERSION,
} from "./internals.ts";

test("kafkajs is the version whose insides this adapter knows; another one must be looked through first", () => {
  expect(installedVersion()).toBe(VERSION);
});

test("the request queue still has what the calmer schedule relies on", () => {
  const { prototype } = requestQueue();
  const { checkPendingRequests, scheduleCheckPendingRequests, scheduleRequestTimeoutCheck, destroy } = prototype;
  for (const used of [checkPendingRequests, scheduleCheckPendingRequests, scheduleRequestTimeoutCheck, destroy])
    expect(used).toBeTypeOf("function");
});

test("an idle request queue has no timer, one that is throttled has", () => {
  calmRequestQueue();
  const queue = Object.create(requestQueue().prototype);
  Object.assign(queue, { pending: [], throttledUntil: -1, throttleCheckTimeoutId: null });
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).toBeNull();
  queue.pending.push({});
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).not.toBeNull();
  clearTimeout(queue.throttleCheckTimeoutId);
});

test("a request that is not answered in its time is called off, and the queue looks no more once the connection is gone", () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  calmRequestQueue();
  const timeoutRequest = vi.fn();
  let isConnected = true;
  const queue = Object.create(requestQueue().prototype);
  const inflight = new Map([[1, { sentAt: Date.now(), requestTimeout: 1_500, timeoutRequest }]]);
  Object.assign(queue, { enforceRequestTimeout: true, inflight, isConnected: () => isConnected, throttleCheckTimeoutId: null });
  queue.scheduleRequestTimeoutCheck();
  vi.advanceTimersByTime(1_000);
  expect(timeoutRequest).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1_000);
  expect(timeoutRequest).toHaveBeenCalledOnce();
  isConnected = false;
  vi.advanceTimersByTime(1_000);
  expect(vi.getTimerCount()).toBe(0);
});

test("a batch knows which offset was asked for, and where it ends", () => {
  const message = { offset: "7", key: null, value: Buffer.from("x"), timestamp: "0", attributes: 0, headers: {}, isControlRecord: false };
  const mark = { ...message, offset: "8", isControlRecord: true };
  const batch = batchOf("topic", 5, Object.assign({ partition: 0 }, { highWatermark: "9", messages: [message, mark] }));
  expect(fetchedFrom(batch as never)).toBe(5);
  expect(batch.messages.map(({ offset }) => offset)).toEqual(["7"]);
  expect(batch.lastOffset()).toBe("8");
});

test("a cluster has the questions that are asked of it", () => {
  const cluster = openCluster({
    ...{ logger: new kafkajs.Kafka({ brokers: ["127.0.0.1:1"], logLevel: 0 }).logger(), brokers: () => ["127.0.0.1:1"], clientId: "test" },
    ...{ connectionTimeout: 1_000, requestTimeout: 1_000, enforceRequestTimeout: true, metadataMaxAge: 1_000 },
    ...{ allowAutoTopicCreation: false, retry: { retries: 0, initialRetryTime: 1, maxRetryTime: 1 } },
  });
  const { connect, addMultipleTargetTopics, refreshMetadata, findLeaderForPartitions, findBroker, findGroupCoordinator } = cluster;
  const questions = [connect, addMultipleTargetTopics, refreshMetadata, findLeaderForPartitions, findBroker, findGroupCoordinator];
  const own = [cluster.fetchTopicsOffset, cluster.disconnect, cluster.findTopicPartitionMetadata, cluster.brokerPool.findConnectedBroker];
  for (const question of [...questions, ...own, brokerPoolClass().prototype.refreshMetadata]) expect(question).toBeTypeOf("function");
  expect(metadataAnswers()).toHaveLength(7);
  for (const { parse } of metadataAnswers()) expect(parse).toBeTypeOf("function");
});

test("a connection writes a request of our own as it is, behind its head", async () => {
  const Encoder = createRequire(import.meta.url)("kafkajs/src/protocol/encoder");
  const written = new Encoder().writeInt16(7).writeEncoder(bodyOf(Buffer.from("body")));
  expect(written.buffer).toEqual(Buffer.from("\0\u0007body"));
});
