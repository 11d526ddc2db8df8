/**
 * What every event log does, whatever it is made of: the rules of log.ts, and those that a stage lives by. Each adapter's test calls this.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Topic } from "#domain/topics.ts";
import { DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { EventLog, LogRecord, Output } from "./log.ts";
import { partitionOf } from "./partition.ts";
import { TestClock, TestMember } from "./suite.member.ts";

const topic = (name: string, partitions: number): Topic => ({ name, schema: DeliverySchema, partitions });
const one = topic("suite.one", 4);
const two = topic("suite.two", 4);
const other = topic("suite.other", 3);

export interface SuiteNeeds {
  readonly topics: readonly Topic[];
  readonly clock: Clock;
  readonly retentionMs: number;
}

export interface Opened {
  readonly log: EventLog;
  /** Closes the log and opens another on what it has kept. */
  reopen?(): Promise<EventLog>;
  close(): Promise<void>;
}

const RETENTION_MS = 3_600_000;

const text = (value: Uint8Array) => Buffer.from(value).toString();
const output = (key: string, value: string, more: Partial<Output> = {}): Output => ({
  topic: one,
  key,
  value: Buffer.from(value),
  ...more,
});
/** A key of that partition. */
const keyIn = (partition: number, partitions = 4): string => {
  for (let i = 0; ; i++) if (partitionOf(`key-${i}`, partitions) === partition) return `key-${i}`;
};
const numbered = (count: number, key: (i: number) => string = (i) => `key-${i}`, from = 0): Output[] =>
  Array.from({ length: count }, (_, i) => output(key(from + i), String(from + i)));
const values = (records: readonly LogRecord[]) => records.map((record) => text(record.value));
const sorted = (records: readonly LogRecord[]) => values(records).sort((a, b) => Number(a) - Number(b));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => String(i));

/** No gap and no step back within an assignment, whatever was delivered before it. */
function expectOrderWithin(member: TestMember): void {
  for (const [assignment, records] of member.delivered) {
    expect(records.map((record) => record.offset)).toEqual(records.map((_, i) => assignment.position + i));
  }
}

/** `forgets`: why the log keeps nothing over a close, where it does not. */
export function logSuite(name: string, open: (needs: SuiteNeeds) => Promise<Opened>, { forgets }: { forgets?: string } = {}): void {
  describe(name, () => {
    let clock: TestClock;
    let opened: Opened;
    let log: EventLog;

    beforeEach(async () => {
      clock = new TestClock(1_000_000_000_000);
      opened = await open({ topics: [one, two, other], clock, retentionMs: RETENTION_MS });
      log = opened.log;
    });
    afterEach(() => opened.close());

    const everything = async (of: Topic): Promise<LogRecord[]> => {
      const partitions = await Promise.all(Array.from({ length: of.partitions }, (_, partition) => log.read(of, partition, 0, 100_000)));
      return partitions.flat();
    };

    describe("appending", () => {
      test("a record comes back with its key, value, headers and time, in the partition of its key", async () => {
        const headers = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", größe: "ü ☃ 🎉", empty: "" };
        await log.append([{ topic: one, key: "development/ann", value: new Uint8Array([0, 255, 10]), headers }]);
        const partition = partitionOf("development/ann", 4);
        const [record] = await log.read(one, partition, 0, 10);
        expect(record).toMatchObject({ topic: one, partition, offset: 0, timeMs: clock.nowMs(), key: "development/ann" });
        expect([...(record?.value ?? [])]).toEqual([0, 255, 10]);
        expect({ ...record?.headers }).toEqual(headers);
      });

      test("keys beyond ASCII, empty keys and empty values are kept as they are", async () => {
        await log.append([output("Zoë/☃", ""), output("", "x"), output("k".repeat(3_000), "y")]);
        const found = await everything(one);
        expect(new Set(found.map((record) => record.key))).toEqual(new Set(["Zoë/☃", "", "k".repeat(3_000)]));
        for (const record of found) expect(record.partition).toBe(partitionOf(record.key, 4));
      });

      test("offsets count from 0 in each partition, in the order of the calls, however many run at the same time", async () => {
        await Promise.all(Array.from({ length: 300 }, (_, i) => log.append(numbered(5, (n) => `key-${n % 7}`, i * 5))));
        const found = await everything(one);
        expect(found).toHaveLength(1_500);
        for (let partition = 0; partition < 4; partition++) {
          const records = found.filter((record) => record.partition === partition);
          expect(records.map((record) => record.offset)).toEqual(records.map((_, i) => i));
          const numbers = records.map((record) => Number(text(record.value)));
          expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
        }
      });

      test("an empty append resolves and writes nothing", async () => {
        await log.append([]);
        expect(await everything(one)).toEqual([]);
      });

      test("an append that names a topic the log does not have is refused whole", async () => {
        await expect(log.append([output("a", "1"), output("a", "2", { topic: topic("suite.unknown", 4) })])).rejects.toThrow(
          "suite.unknown",
        );
        await log.append([output("a", "3")]);
        expect(values(await everything(one))).toEqual(["3"]);
      });

      test("a value of a megabyte passes", async () => {
        const value = new Uint8Array(1_048_576).map((_, i) => i % 251);
        await log.append([{ topic: one, key: "large", value }]);
        const member = await TestMember.join(log, "group", [one]);
        await vi.waitFor(() => expect(member.records).toHaveLength(1));
        expect(Buffer.compare(member.records[0]?.value as Uint8Array, value)).toBe(0);
      });

      test("read answers a range, and nothing beyond the end", async () => {
        const key = keyIn(2);
        for (let i = 0; i < 20; i += 5) await log.append(numbered(5, () => key, i));
        expect(values(await log.read(one, 2, 7, 6))).toEqual(["7", "8", "9", "10", "11", "12"]);
        expect(values(await log.read(one, 2, 18, 100))).toEqual(["18", "19"]);
        expect(await log.read(one, 2, 20, 100)).toEqual([]);
        expect(await log.read(one, 1, 0, 100)).toEqual([]);
        expect(await log.read(one, 2, 0, 0)).toEqual([]);
      });
    });

    describe("reading as a group", () => {
      test("a new group starts at the beginning and goes on with what is appended later", async () => {
        await log.append(numbered(50));
        const member = await TestMember.join(log, "group", [one]);
        await vi.waitFor(() => expect(member.records).toHaveLength(50));
        await log.append(numbered(50, undefined, 50));
        await vi.waitFor(() => expect(sorted(member.records)).toEqual(upTo(100)));
        expectOrderWithin(member);
      });

      test("groups do not disturb each other", async () => {
        await log.append(numbered(30));
        const first = await TestMember.join(log, "first", [one], { settles: true });
        await vi.waitFor(async () => expect(await log.lag("first", [one])).toBe(0));
        const second = await TestMember.join(log, "second", [one]);
        await vi.waitFor(() => expect(sorted(second.records)).toEqual(upTo(30)));
        expect(first.records).toHaveLength(30);
        expect(await log.lag("second", [one])).toBe(30);
      });

      test("what is settled is not delivered to the group again, what is not comes again", async () => {
        const key = keyIn(1);
        await log.append(numbered(10, () => key));
        const before = await TestMember.join(log, "group", [one]);
        await vi.waitFor(() => expect(before.records).toHaveLength(10));
        await before.settle(1, 6);
        await before.membership.leave();
        const after = await TestMember.join(log, "group", [one]);
        expect(after.held(one, 1).position).toBe(6);
        await vi.waitFor(() => expect(values(after.records)).toEqual(["6", "7", "8", "9"]));
      });

      test("a position never moves backwards", async () => {
        const key = keyIn(1);
        await log.append(numbered(10, () => key));
        const before = await TestMember.join(log, "group", [one]);
        await vi.waitFor(() => expect(before.records).toHaveLength(10));
        await Promise.all([before.settle(1, 8), before.settle(1, 5)]);
        await before.settle(1, 4);
        await before.membership.leave();
        const after = await TestMember.join(log, "group", [one]);
        expect(after.held(one, 1).position).toBe(8);
      });

      test("what has not been delivered cannot be settled", async () => {
        const member = await TestMember.join(log, "group", [one]);
        await expect(member.settle(1, 5)).rejects.toThrow(RangeError);
      });

      test("lag counts what the group has not settled", async () => {
        const key = keyIn(3);
        await log.append(numbered(10, () => key));
        await log.append([output("a", "x", { topic: other })]);
        expect(await log.lag("group", [one, other])).toBe(11);
        const member = await TestMember.join(log, "group", [one, other]);
        await vi.waitFor(() => expect(member.records).toHaveLength(11));
        expect(await log.lag("group", [one, other])).toBe(11);
        await member.settle(3, 4);
        expect(await log.lag("group", [one, other])).toBe(7);
        expect(await log.lag("group", [other])).toBe(1);
      });

      test("settled outputs reach their readers", async () => {
        const target = await TestMember.join(log, "target", [two]);
        const key = keyIn(0);
        await log.append(numbered(3, () => key));
        const member = await TestMember.join(log, "group", [one]);
        await vi.waitFor(() => expect(member.records).toHaveLength(3));
        await member.settle(0, 3, [output(key, "out", { topic: two, headers: { hop: "1" } })]);
        await vi.waitFor(() => expect(values(target.records)).toEqual(["out"]));
        expect({ ...target.records[0]?.headers }).toEqual({ hop: "1" });
        expect(await log.lag("group", [one])).toBe(0);
      });

      test("a member is never called from inside its own calls, and may append and settle from a delivery", async () => {
        let inside = 0;
        let deepest = 0;
        const key = keyIn(0);
        const member = await TestMember.join(log, "group", [one], {
          settles: true,
          onDeliver: (records) => {
            deepest = Math.max(deepest, ++inside);
            for (const record of records) {
              const number = Number(text(record.value));
              if (number < 200) void log.append([output(key, String(number + 1))]);
            }
            inside--;
          },
        });
        await log.append([output(key, "0")]);
        await vi.waitFor(() => expect(values(member.records)).toEqual(upTo(201)), 10_000);
        expect(deepest).toBe(1);
      });

      test("a partition with many records waiting does not hold up another", async () => {
        const [busy, quiet] = [keyIn(0), keyIn(1)];
        await log.append(numbered(5_000, () => busy));
        await log.append([output(quiet, "quiet")]);
        const member = await TestMember.join(log, "group", [one]);
        await vi.waitFor(() => expect(member.records).toHaveLength(5_001));
        expect(values(member.records).indexOf("quiet")).toBeLessThan(2_000);
      });

      test("a member far behind gets everything, in order", async () => {
        const key = keyIn(0);
        const member = await TestMember.join(log, "group", [one], { settles: true });
        member.membership.pause(member.held(one, 0));
        for (let i = 0; i < 9_000; i += 300) await log.append(numbered(300, () => key, i));
        expect(member.records).toEqual([]);
        member.membership.resume(member.held(one, 0));
        await log.append(numbered(10, () => key, 9_000));
        await vi.waitFor(() => expect(member.records).toHaveLength(9_010), 10_000);
        expect(values(member.records)).toEqual(upTo(9_010));
        expectOrderWithin(member);
      });
    });

    describe("pausing", () => {
      test("a paused partition stands still while others go on, and goes on where it stood", async () => {
        const [held, free] = [keyIn(0), keyIn(1)];
        const member = await TestMember.join(log, "group", [one]);
        await log.append(numbered(3, () => held));
        await vi.waitFor(() => expect(member.records).toHaveLength(3));
        member.membership.pause(member.held(one, 0));
        await log.append([...numbered(3, () => held, 3), output(free, "free")]);
        await vi.waitFor(() => expect(values(member.records)).toContain("free"));
        expect(member.records).toHaveLength(4);
        member.membership.resume(member.held(one, 0));
        await vi.waitFor(() => expect(values(member.records.filter((record) => record.key === held))).toEqual(upTo(6)));
      });

      test("a pause from inside a delivery ends it after that batch", async () => {
        const key = keyIn(0);
        await log.append([...numbered(5_000, () => key), output(keyIn(1), "last")]);
        const member = await TestMember.join(log, "group", [one], {
          onDeliver: (records, assignment) => {
            if (records[0]?.key === key) member.membership.pause(assignment);
          },
        });
        await vi.waitFor(() => expect(values(member.records)).toContain("last"));
        const sofar = member.records.length;
        expect(sofar).toBeLessThan(5_000);
        member.membership.resume(member.held(one, 0));
        await vi.waitFor(() => expect(member.records.length).toBeGreaterThan(sofar));
        expectOrderWithin(member);
      });
    });

    describe("sharing a group", () => {
      test("two members share the partitions, the same of each topic with as many", async () => {
        const a = await TestMember.join(log, "group", [one, two, other]);
        const b = await TestMember.join(log, "group", [one, two, other]);
        const of = (member: TestMember, at: Topic) => member.holds(at);
        expect([...of(a, one), ...of(b, one)].sort()).toEqual([0, 1, 2, 3]);
        expect([of(a, one).length, of(b, one).length]).toEqual([2, 2]);
        expect(of(a, two)).toEqual(of(a, one));
        expect(of(b, two)).toEqual(of(b, one));
        expect([...of(a, other), ...of(b, other)].sort()).toEqual([0, 1, 2]);
      });

      test("both together get everything once when what they get is settled", async () => {
        const a = await TestMember.join(log, "group", [one], { settles: true });
        const b = await TestMember.join(log, "group", [one], { settles: true });
        await log.append(numbered(400));
        await vi.waitFor(() => expect(sorted([...a.records, ...b.records])).toEqual(upTo(400)));
        expect(a.records.length).toBeGreaterThan(0);
        expect(b.records.length).toBeGreaterThan(0);
      });

      test("a partition is revoked before another member has it, and each time under a higher epoch", async () => {
        const told: string[] = [];
        const a = await TestMember.join(log, "group", [one], { told: (what) => told.push(`a ${what}`) });
        const before = new Map(a.holds(one).map((partition) => [partition, a.held(one, partition)]));
        const b = await TestMember.join(log, "group", [one], { told: (what) => told.push(`b ${what}`) });
        expect(told).toEqual(["a assigned", "a revoked", "b assigned"]);
        for (const partition of b.holds(one))
          expect(b.held(one, partition).epoch).toBeGreaterThan(before.get(partition)?.epoch ?? Infinity);
        for (const partition of a.holds(one)) expect(a.held(one, partition)).toBe(before.get(partition));
      });

      test("members that come and go while records flow lose nothing", async () => {
        const members: TestMember[] = [];
        const join = async () => members.push(await TestMember.join(log, "group", [one, two], { settles: true }));
        const gotten = () => members.reduce((sum, member) => sum + member.records.length, 0);
        let total = 0;
        let moving = true;
        const flow = (async () => {
          for (; moving; total += 40) {
            await log.append(numbered(40, undefined, total).map((each, n) => (n % 2 === 0 ? each : { ...each, topic: two })));
          }
        })();
        await join();
        for (let round = 0; round < 8; round++) {
          await join();
          if (round % 2 === 1) await members[round]?.membership.leave();
          const before = gotten();
          await vi.waitFor(() => expect(gotten()).toBeGreaterThan(before + 80), 10_000);
        }
        moving = false;
        await flow;
        await vi.waitFor(async () => expect(await log.lag("group", [one, two])).toBe(0), 10_000);
        const got = new Set(members.flatMap((member) => values(member.records)));
        expect(got.size).toBe(total);
        for (const member of members) expectOrderWithin(member);
      });

      test("what a member that left held goes on with the others", async () => {
        const a = await TestMember.join(log, "group", [one], { settles: true });
        const b = await TestMember.join(log, "group", [one], { settles: true });
        await a.membership.leave();
        expect(a.holds(one)).toEqual([]);
        await vi.waitFor(() => expect(b.holds(one)).toEqual([0, 1, 2, 3]));
        await log.append(numbered(40));
        await vi.waitFor(() => expect(sorted(b.records)).toEqual(upTo(40)));
        await a.membership.leave();
        expect(a.records).toEqual([]);
      });

      test("settling what has been revoked does not move the position, but keeps the outputs", async () => {
        const key = keyIn(2);
        await log.append(numbered(5, () => key));
        const late = await TestMember.join(log, "group", [one]);
        await vi.waitFor(() => expect(late.records).toHaveLength(5));
        const old = late.held(one, 2);
        await late.membership.leave();
        await late.membership.settle([output(key, "kept", { topic: two })], [{ ...old, next: 5 }]);
        expect(values(await everything(two))).toEqual(["kept"]);
        expect(await log.lag("group", [one])).toBe(5);
        const next = await TestMember.join(log, "group", [one]);
        await vi.waitFor(() => expect(values(next.records)).toEqual(upTo(5)));
      });

      test("a member that reads other topics than its group is refused", async () => {
        await TestMember.join(log, "group", [one]);
        await expect(TestMember.join(log, "group", [two])).rejects.toThrow("suite.two");
      });
    });

    describe("retention", () => {
      test("old records are forgotten, young ones are kept, and offsets go on counting", async () => {
        const key = keyIn(0);
        await log.append(numbered(5, () => key));
        await clock.pass(RETENTION_MS / 2);
        await log.append(numbered(5, () => key, 5));
        await clock.pass(RETENTION_MS / 2 + 120_000);
        await vi.waitFor(async () => expect((await log.read(one, 0, 0, 100)).map((record) => record.offset)).toEqual([5, 6, 7, 8, 9]));
        await clock.pass(RETENTION_MS);
        await vi.waitFor(async () => expect(await log.read(one, 0, 0, 100)).toEqual([]));
        if (opened.reopen) log = await opened.reopen();
        await log.append(numbered(1, () => key, 10));
        expect((await log.read(one, 0, 0, 100)).map((record) => record.offset)).toEqual([10]);
        expect(await log.lag("group", [one])).toBe(1);
        const member = await TestMember.join(log, "group", [one]);
        expect(member.held(one, 0).position).toBe(10);
        await vi.waitFor(() => expect(values(member.records)).toEqual(["10"]));
      });

      test("a member whose next records were forgotten gets its partition anew, from the first that is kept", async () => {
        const key = keyIn(0);
        const member = await TestMember.join(log, "group", [one]);
        const before = member.held(one, 0);
        member.membership.pause(before);
        for (let i = 0; i < 5_000; i += 500) await log.append(numbered(500, () => key, i));
        await clock.pass(RETENTION_MS + 120_000);
        await vi.waitFor(async () => expect(await log.read(one, 0, 0, 1)).toEqual([]));
        await log.append(numbered(5_000, () => key, 5_000));
        member.membership.resume(before);
        await vi.waitFor(() => expect(values(member.records)).toEqual(upTo(10_000).slice(5_000)));
        expect(member.held(one, 0)).toMatchObject({ position: 5_000 });
        expect(member.held(one, 0).epoch).toBeGreaterThan(before.epoch);
      });
    });

    describe("closing", () => {
      test("appends under way are kept, later ones are refused, and members hear no more", async () => {
        const member = await TestMember.join(log, "group", [one]);
        const underWay = log.append(numbered(10));
        await log.close();
        await underWay;
        await expect(log.append(numbered(1))).rejects.toMatchObject({ reason: "DRAINING" });
        expect(member.records).toEqual([]);
      });

      if (forgets === undefined) {
        test("records and positions are there again after a reopen", async () => {
          const key = keyIn(1);
          await log.append([...numbered(10, () => key), output(keyIn(2), "x", { headers: { a: "b" } })]);
          const before = await TestMember.join(log, "group", [one]);
          await vi.waitFor(() => expect(before.records).toHaveLength(11));
          await before.settle(1, 7);
          log = (await opened.reopen?.()) as EventLog;
          expect(await log.lag("group", [one])).toBe(4);
          const after = await TestMember.join(log, "group", [one]);
          await vi.waitFor(() => expect(values(after.records).sort()).toEqual(["7", "8", "9", "x"]));
          expect({ ...after.records.find((record) => record.partition === 2)?.headers }).toEqual({ a: "b" });
          await log.append(numbered(1, () => key, 10));
          await vi.waitFor(() => expect(after.records.filter((record) => record.partition === 1).at(-1)?.offset).toBe(10));
        });
      }
    });
  });
}
