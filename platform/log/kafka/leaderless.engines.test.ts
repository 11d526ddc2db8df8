/** Partitions that nobody leads and topics that are gone: what is for them waits, and everything else goes on. */
import pino from "pino";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { type OwnEngines, startOwnEngines } from "../../../test/engines/own.ts";
import { type KafkaLog, kafkaLog } from "../log.kafka.ts";
import { TestMember } from "../member.fixture.ts";
import { keyIn, one, text, two } from "../records.fixture.ts";
import { kafkaAdmin } from "./admin.fixture.ts";

const LONG = { timeout: 60_000 };

let own: OwnEngines<"kafka">;

beforeAll(async () => {
  own = await startOwnEngines(3, ["kafka"]);
}, 120_000);
afterAll(() => own.stop());

const open = async (topicPrefix: string): Promise<KafkaLog> => {
  const log = await kafkaLog({
    ...{ brokers: own.engines.addresses.kafka, topics: [one, two], topicPrefix, replication: 1, appendMs: 5_000 },
    ...{ clock: systemClock, logger: pino({ level: "silent" }) },
  });
  onTestFinished(() => log.close());
  return log;
};
const administer = async (prefix: string) => {
  const { admin, remove } = await kafkaAdmin(own.engines.addresses.kafka, prefix);
  onTestFinished(remove);
  return admin;
};
const record = (partition: number, value: string, topic = one) => ({ topic, key: keyIn(partition), value: Buffer.from(value) });
const valuesOf = (member: TestMember) => member.records.map(({ value }) => text(value)).sort();

test("a partition that nobody leads waits for its broker; the other partitions are written, joined and read", {
  timeout: 300_000,
}, async () => {
  const prefix = "leaderless.";
  const log = await open(prefix);
  const admin = await administer(prefix);
  const { topics } = await admin.fetchTopicMetadata({ topics: [prefix + one.name] });
  const broker = topics[0]?.partitions.find(({ partitionId }) => partitionId === 0)?.leader as number;
  const lost = topics[0]?.partitions.filter(({ leader }) => leader === broker).map(({ partitionId }) => partitionId) as number[];
  const led = [1, 2, 3].find((partition) => !lost.includes(partition)) as number;
  // Kafka's own topic of positions has three replicas: the group lives on.
  const member = await TestMember.join(log, "leaderless", [one, two], { settles: true });
  await log.append([record(0, "a"), record(led, "b")]);
  await expect.poll(() => valuesOf(member), LONG).toEqual(["a", "b"]);
  await expect.poll(() => log.lag("leaderless", [one]), LONG).toBe(0);

  const process_ = await brokerProcess(admin, broker);
  process.kill(process_.pid, "SIGKILL");
  await expect.poll(() => log.health().why.join(), LONG).toContain(`nobody leads ${prefix}${one.name}/0`);
  expect(log.health().ok).toBe(true);

  const refused = log.append([record(0, "x")]);
  await expect(refused).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE", cause: { message: `nobody leads ${prefix}${one.name}/0` } });
  await log.append([record(led, "c")]);
  await expect.poll(() => valuesOf(member), LONG).toEqual(["a", "b", "c"]);

  const restarted = await open(prefix);
  await restarted.append([record(led, "d")]);
  const fresh = await TestMember.join(restarted, "leaderless.fresh", [one, two], { settles: true });
  await expect.poll(() => valuesOf(fresh), LONG).toEqual(["b", "c", "d"]);

  await own.engines.restart(process_.name);
  await expect.poll(() => log.append([record(0, "e")]).then(() => "acknowledged"), LONG).toBe("acknowledged");
  await expect.poll(() => log.health(), LONG).toEqual({ ok: true, why: [] });
  for (const each of [member, fresh])
    await expect.poll(() => [...new Set(valuesOf(each))].filter((value) => value !== "x"), LONG).toEqual(["a", "b", "c", "d", "e"]);
  expect(valuesOf(member).filter((value) => value !== "x")).toEqual(["a", "b", "c", "d", "e"]);
});

test("a topic that is deleted takes nothing else with it, and goes on from its beginning when it is made again", {
  timeout: 300_000,
}, async () => {
  const prefix = "deleted.";
  const log = await open(prefix);
  const admin = await administer(prefix);
  const member = await TestMember.join(log, "deleted", [one, two], { settles: true });
  await log.append([record(0, "a"), record(0, "b", two), record(0, "c", two)]);
  await expect.poll(() => valuesOf(member), LONG).toEqual(["a", "b", "c"]);

  await admin.deleteTopics({ topics: [prefix + two.name] });
  await expect.poll(() => log.health().why.join(), LONG).toContain(`there is no topic ${prefix}${two.name}`);
  expect(log.health().ok).toBe(true);
  await expect(log.append([record(0, "x", two)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
  await log.append([record(0, "d")]);
  await expect.poll(() => valuesOf(member), LONG).toEqual(["a", "b", "c", "d"]);

  await admin.createTopics({ waitForLeaders: false, topics: [{ topic: prefix + two.name, numPartitions: two.partitions }] });
  const again = ["e", "f", "g", "h"].map((value) => record(0, value, two));
  await expect.poll(() => log.append(again).then(() => "acknowledged"), LONG).toBe("acknowledged");
  await expect.poll(() => [...new Set(valuesOf(member))], LONG).toEqual(["a", "b", "c", "d", "e", "f", "g", "h"]);
});

/** Which of the processes is that broker. */
async function brokerProcess(admin: Awaited<ReturnType<typeof administer>>, nodeId: number) {
  const { brokers } = await admin.describeCluster();
  const { port } = brokers.find((each) => each.nodeId === nodeId) as { port: number };
  const at = own.engines.addresses.kafka.findIndex((address) => address.endsWith(`:${port}`));
  return own.engines.processes[at] as { readonly name: string; readonly pid: number };
}
