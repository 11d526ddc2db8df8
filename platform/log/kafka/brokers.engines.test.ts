/** Three brokers that are restarted, killed and frozen while the log is in use. TEST_FULL=1 keeps it up for longer. */
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "#platform/clock.ts";
import { type OwnEngines, startOwnEngines } from "../../../test/engines/own.ts";
import { full } from "../../../test/full.ts";
import { type KafkaLog, type KafkaLogNeeds, kafkaLog } from "../log.kafka.ts";
import { TestMember } from "../member.fixture.ts";
import { eventually, one, two, upTo, values } from "../records.fixture.ts";
import { everythingIn, expectKept, nameOf, startTraffic } from "./traffic.fixture.ts";

const LOAD_MS = full ? 60_000 : 15_000;

let own: OwnEngines<"kafka">;
let count = 0;

beforeAll(async () => {
  own = await startOwnEngines(3, ["kafka"]);
}, 120_000);
afterAll(() => own.stop());

const open = async (topicPrefix: string, more: Partial<Pick<KafkaLogNeeds, "appendMs" | "clock" | "logger">> = {}): Promise<KafkaLog> => {
  const log = await kafkaLog({
    brokers: own.engines.addresses.kafka,
    topics: [one, two],
    topicPrefix,
    clock: systemClock,
    logger: pino({ level: "silent" }),
    ...more,
  });
  onTestFinished(() => log.close());
  return log;
};
const pidOf = (name: string) => own.engines.processes.find((each) => each.name === name)?.pid as number;
const names = () => own.engines.processes.map(({ name }) => name);

test("a rolling restart of the brokers loses nothing that was acknowledged and keeps the order of each key", {
  timeout: 300_000,
}, async () => {
  const log = await open(`rolling${++count}.`);
  const traffic = startTraffic(log, one);
  for (const name of names()) {
    const before = traffic.acknowledged.size;
    await own.engines.restart(name);
    await eventually(() => expect(traffic.acknowledged.size).toBeGreaterThan(before + 1_000));
  }
  await traffic.stop();
  expectKept(await everythingIn(log, one), traffic.acknowledged);
  expect(traffic.refused).toBe(0);
});

test("a broker that is killed takes nothing with it that was acknowledged", { timeout: 300_000 }, async () => {
  const log = await open(`killed${++count}.`);
  const member = await TestMember.join(log, `killed${count}`, [one], { settles: true });
  const traffic = startTraffic(log, one);
  for (const name of full ? names() : names().slice(0, 2)) {
    const before = traffic.acknowledged.size;
    process.kill(pidOf(name), "SIGKILL");
    await expect.poll(() => traffic.acknowledged.size, { timeout: 120_000 }).toBeGreaterThan(before + 5_000);
    await own.engines.restart(name);
  }
  await traffic.stop();
  expectKept(await everythingIn(log, one), traffic.acknowledged);
  await expect.poll(() => log.lag(`killed${count}`, [one]), { timeout: 120_000 }).toBe(0);
  const got = new Set(member.records.map(({ value }) => nameOf(value)));
  expect([...traffic.acknowledged].filter((name) => !got.has(name))).toEqual([]);
});

test("a broker that freezes stands in the way until others lead what it led; it loses and swaps nothing", {
  timeout: 400_000,
}, async () => {
  const log = await open(`frozen${++count}.`);
  const traffic = startTraffic(log, one);
  for (const name of full ? names() : names().slice(0, 1)) {
    const before = traffic.acknowledged.size;
    process.kill(pidOf(name), "SIGSTOP");
    onTestFinished(() => void process.kill(pidOf(name), "SIGCONT"));
    await expect.poll(() => traffic.acknowledged.size, { timeout: 120_000 }).toBeGreaterThan(before + 5_000);
    await sleep(5_000);
    process.kill(pidOf(name), "SIGCONT");
    const then = traffic.acknowledged.size;
    await expect.poll(() => traffic.acknowledged.size, { timeout: 120_000 }).toBeGreaterThan(then + 5_000);
  }
  await traffic.stop();
  // A broker that has just woken still takes itself for the leader, and reads out what it had when it froze.
  await vi.waitFor(async () => expectKept(await everythingIn(log, one), traffic.acknowledged), { timeout: 60_000, interval: 2_000 });
});

test("members that come and go under load lose nothing", { timeout: 300_000 }, async () => {
  const prefix = `load${++count}.`;
  const log = await open(prefix);
  const traffic = startTraffic(log, one, { writers: 4, pauseMs: 40 });
  const members: { readonly member: TestMember; readonly log: KafkaLog }[] = [];
  const join = async () => {
    const own = await open(prefix);
    members.push({ log: own, member: await TestMember.join(own, `load${count}`, [one], { settles: true }) });
  };
  await join();
  const untilMs = Date.now() + LOAD_MS;
  for (let round = 0; Date.now() < untilMs; round++) {
    await join();
    if (round % 2 === 1) await members[round]?.member.membership.leave();
    if (round % 3 === 2) await members[round - 2]?.log.close();
  }
  await traffic.stop();
  await expect.poll(() => log.lag(`load${count}`, [one]), { timeout: 120_000 }).toBe(0);
  const got = new Set(members.flatMap(({ member }) => member.records.map(({ value }) => nameOf(value))));
  expect([...traffic.acknowledged].filter((name) => !got.has(name))).toEqual([]);
});

test("what is settled late of a partition that was lost does not move the group back", { timeout: 120_000 }, async () => {
  const prefix = `late${++count}.`;
  const group = `late${count}`;
  const [first, second] = [await open(prefix), await open(prefix)];
  const outputs = Array.from({ length: 400 }, (_, i) => ({ topic: one, key: `key-${i % 40}`, value: Buffer.from(String(i)) }));
  await first.append(outputs);
  const early = await TestMember.join(first, group, [one]);
  await eventually(() => expect(early.records).toHaveLength(400));
  const held = early.holds(one).map((partition) => early.held(one, partition));
  const late = await TestMember.join(second, group, [one], { settles: true });
  await eventually(() => expect(early.holds(one)).toHaveLength(2));
  const lost = held.filter(({ partition }) => !early.holds(one).includes(partition));
  await eventually(() => expect(late.records.length).toBeGreaterThan(0));
  await expect.poll(() => second.lag(group, [one])).toBe(400 - late.records.length);
  await early.membership.settle(
    [],
    lost.map((assignment) => ({ ...assignment, next: 1 })),
  );
  for (const partition of early.holds(one)) {
    const next = early.records.filter((record) => record.partition === partition).length;
    await early.membership.settle([], [{ ...early.held(one, partition), next }]);
  }
  await expect.poll(() => first.lag(group, [one])).toBe(0);
  await late.membership.leave();
  await eventually(() => expect(early.holds(one)).toHaveLength(4));
  for (const { partition } of lost) expect(early.held(one, partition).position).toBeGreaterThan(1);
});

test("a log is opened, and appends are answered, once the brokers are there", { timeout: 120_000 }, async () => {
  for (const name of names()) process.kill(pidOf(name), "SIGKILL");
  const said: string[] = [];
  const logger = pino({ level: "warn" }, { write: (line: string) => void said.push(line) });
  const opening = kafkaLog({ brokers: own.engines.addresses.kafka, topics: [one], topicPrefix: "again.", clock: systemClock, logger });
  await eventually(() => expect(said.join("")).toContain("waiting for Kafka"));
  await Promise.all(names().map((name) => own.engines.restart(name)));
  const log = await opening;
  onTestFinished(() => log.close());
  await log.append(upTo(10).map((value) => ({ topic: one, key: "key", value: Buffer.from(value) })));
  const found = await everythingIn(log, one);
  expect(values(found)).toEqual(upTo(10));
});

test("a group that has no coordinator is waited for by whoever joins it", { timeout: 120_000 }, async () => {
  const told: string[] = [];
  const logger = pino({}, { write: (line: string) => void told.push(JSON.parse(line).msg) });
  // To which an answer is overdue after its first try.
  const hasty = { ...systemClock, nowMs: () => systemClock.nowMs() * 10 };
  const prefix = `waited${++count}.`;
  const log = await open(prefix, { logger, clock: hasty });
  const steady = await open(prefix);
  for (const name of names()) process.kill(pidOf(name), "SIGSTOP");
  const thaw = () => {
    for (const name of names()) process.kill(pidOf(name), "SIGCONT");
  };
  onTestFinished(thaw);
  const joining = TestMember.join(log, `waited${count}`, [one]);
  await expect.poll(() => told, { timeout: 60_000 }).toContain("waiting for the coordinator of a group");
  thaw();
  const member = await joining;
  await steady.append([{ topic: one, key: "a", value: Buffer.from("hello") }]);
  await eventually(() => expect(member.records).toHaveLength(1));
});
