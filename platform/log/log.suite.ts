/**
 * What every event log does, whatever it is made of: the rules of log.ts, and those that a stage lives by. Each adapter's test calls this.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import type { LogNeeds } from "./embedded.ts";
import type { EventLog, LogRecord } from "./log.ts";
import { TestClock, TestMember } from "./member.fixture.ts";
import { partitionOf } from "./partition.ts";
import {
  eventually,
  expectOrderWithin,
  keyIn,
  numbered,
  one,
  other,
  output,
  sorted,
  text,
  topic,
  two,
  upTo,
  values,
} from "./records.fixture.ts";
import { sharing } from "./sharing.suite.ts";
import { unread } from "./unread.suite.ts";

export interface SuiteNeeds {
  readonly topics: readonly Topic[];
  readonly clock: Clock;
  readonly retentionMs: number;
  readonly logger: NonNullable<LogNeeds["logger"]>;
}

export interface Opened {
  readonly log: EventLog;
  /** Closes the log and opens another on what it has kept. */
  reopen?(): Promise<EventLog>;
  /** Where an engine forgets by a clock and at times of its own: makes it forget now what is older. */
  forget?(beforeMs: number): Promise<void>;
  close(): Promise<void>;
}

const RETENTION_MS = 3_600_000;

export interface Differences {
  /** Why the log keeps nothing over a close, where it does not. */
  readonly forgets?: string;
  /** Retention is the engine's own affair, which tells nobody of what was not read. */
  readonly silentRetention?: boolean;
}

export function logSuite(
  name: string,
  open: (needs: SuiteNeeds) => Promise<Opened>,
  { forgets, silentRetention = false }: Differences = {},
): void {
  describe(name, () => {
    let clock: TestClock;
    let opened: Opened;
    let log: EventLog;
    let warnings: unknown[][];

    beforeEach(async () => {
      clock = new TestClock(1_000_000_000_000);
      warnings = [];
      const logger = { warn: (...said: unknown[]) => void warnings.push(said) } as SuiteNeeds["logger"];
      opened = await open({ topics: [one, two, other], clock, retentionMs: RETENTION_MS, logger });
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

      test("bounds tell which offsets there are to read, and a range that begins before them begins at the first", async () => {
        const partition = partitionOf("k", 4);
        expect(await log.bounds(one, partition)).toEqual({ start: 0, end: 0 });
        await log.append([output("k", "a"), output("k", "b")]);
        expect(await log.bounds(one, partition)).toEqual({ start: 0, end: 2 });
        expect((await log.read(one, partition, 1, 10)).map(({ offset }) => offset)).toEqual([1]);
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
        await eventually(() => expect(member.records).toHaveLength(1));
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
        await eventually(() => expect(member.records).toHaveLength(50));
        await log.append(numbered(50, undefined, 50));
        await eventually(() => expect(sorted(member.records)).toEqual(upTo(100)));
        expectOrderWithin(member);
      });

      test("groups do not disturb each other", async () => {
        await log.append(numbered(30));
        const first = await TestMember.join(log, "first", [one], { settles: true });
        await eventually(async () => expect(await log.lag("first", [one])).toBe(0));
        const second = await TestMember.join(log, "second", [one]);
        await eventually(() => expect(sorted(second.records)).toEqual(upTo(30)));
        expect(first.records).toHaveLength(30);
        expect(await log.lag("second", [one])).toBe(30);
      });

      test("what is settled is not delivered to the group again, what is not comes again", async () => {
        const key = keyIn(1);
        await log.append(numbered(10, () => key));
        const before = await TestMember.join(log, "group", [one]);
        await eventually(() => expect(before.records).toHaveLength(10));
        await before.settle(1, 6);
        await before.membership.leave();
        const after = await TestMember.join(log, "group", [one]);
        expect(after.held(one, 1).position).toBe(6);
        await eventually(() => expect(values(after.records)).toEqual(["6", "7", "8", "9"]));
      });

      test("a position never moves backwards", async () => {
        const key = keyIn(1);
        await log.append(numbered(10, () => key));
        const before = await TestMember.join(log, "group", [one]);
        await eventually(() => expect(before.records).toHaveLength(10));
        await Promise.all([before.settle(1, 8), before.settle(1, 5)]);
        await before.settle(1, 4);
        await before.membership.leave();
        if (opened.reopen) log = await opened.reopen();
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
        await eventually(() => expect(member.records).toHaveLength(11));
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
        await eventually(() => expect(member.records).toHaveLength(3));
        await member.settle(0, 3, [output(key, "out", { topic: two, headers: { hop: "1" } })]);
        await eventually(() => expect(values(target.records)).toEqual(["out"]));
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
        await eventually(() => expect(values(member.records)).toEqual(upTo(201)));
        expect(deepest).toBe(1);
      });

      test("a partition with many records waiting does not hold up another", async () => {
        const [busy, quiet] = [keyIn(0), keyIn(1)];
        await log.append(numbered(5_000, () => busy));
        await log.append([output(quiet, "quiet")]);
        const member = await TestMember.join(log, "group", [one]);
        await eventually(() => expect(member.records).toHaveLength(5_001));
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
        await eventually(() => expect(member.records).toHaveLength(9_010));
        expect(values(member.records)).toEqual(upTo(9_010));
        expectOrderWithin(member);
      });
    });

    describe("pausing", () => {
      test("a paused partition stands still while others go on, and goes on where it stood", async () => {
        const [held, free] = [keyIn(0), keyIn(1)];
        const member = await TestMember.join(log, "group", [one]);
        await log.append(numbered(3, () => held));
        await eventually(() => expect(member.records).toHaveLength(3));
        member.membership.pause(member.held(one, 0));
        await log.append([...numbered(3, () => held, 3), output(free, "free")]);
        await eventually(() => expect(values(member.records)).toContain("free"));
        expect(member.records).toHaveLength(4);
        member.membership.resume(member.held(one, 0));
        await eventually(() => expect(values(member.records.filter((record) => record.key === held))).toEqual(upTo(6)));
      });

      test("a pause from inside a delivery ends it after that batch", async () => {
        const key = keyIn(0);
        await log.append([...numbered(5_000, () => key), output(keyIn(1), "last")]);
        const member = await TestMember.join(log, "group", [one], {
          onDeliver: (records, assignment) => {
            if (records[0]?.key === key) member.membership.pause(assignment);
          },
        });
        await eventually(() => expect(values(member.records)).toContain("last"));
        const sofar = member.records.length;
        expect(sofar).toBeLessThan(5_000);
        member.membership.resume(member.held(one, 0));
        await eventually(() => expect(member.records.length).toBeGreaterThan(sofar));
        expectOrderWithin(member);
      });
    });

    describe("sharing a group", () => sharing(() => log));

    describe("retention", () => {
      /** Lets time pass in small steps, since the sweep comes by from time to time only. */
      const swept = (check: () => Promise<void>) =>
        eventually(async () => {
          clock.pass(60_000);
          await opened.forget?.(clock.nowMs() - RETENTION_MS);
          await check();
        });

      test("old records are forgotten, young ones are kept, and offsets go on counting", async () => {
        const key = keyIn(0);
        await log.append(numbered(5, () => key));
        clock.pass(RETENTION_MS / 2);
        await log.append(numbered(5, () => key, 5));
        expect(await log.read(one, 0, 0, 100)).toHaveLength(10);
        clock.pass(RETENTION_MS / 2);
        await swept(async () => expect((await log.read(one, 0, 0, 100)).map((record) => record.offset)).toEqual([5, 6, 7, 8, 9]));
        clock.pass(RETENTION_MS);
        await swept(async () => expect(await log.read(one, 0, 0, 100)).toEqual([]));
        if (opened.reopen) log = await opened.reopen();
        await log.append(numbered(1, () => key, 10));
        expect((await log.read(one, 0, 0, 100)).map((record) => record.offset)).toEqual([10]);
        expect(await log.lag("group", [one])).toBe(1);
        const member = await TestMember.join(log, "group", [one]);
        expect(member.held(one, 0).position).toBe(10);
        await eventually(() => expect(values(member.records)).toEqual(["10"]));
      });

      test("a member whose next records were forgotten gets its partition anew, from the first that is kept", async () => {
        const key = keyIn(0);
        const member = await TestMember.join(log, "group", [one]);
        const before = member.held(one, 0);
        member.membership.pause(before);
        // More than any log has on its way to a member that is paused.
        for (let i = 0; i < 20_000; i += 500) await log.append(numbered(500, () => key, i));
        clock.pass(RETENTION_MS);
        await swept(async () => expect(await log.read(one, 0, 0, 1)).toEqual([]));
        await log.append(numbered(5_000, () => key, 20_000));
        member.membership.resume(before);
        await eventually(() => expect(values(member.records).slice(-5_000)).toEqual(upTo(25_000).slice(20_000)));
        // What had been fetched before it was forgotten may be delivered, in its order.
        expect(values(member.records).slice(0, -5_000)).toEqual(upTo(member.records.length - 5_000));
        expect(member.records.length).toBeLessThan(25_000);
        expect(member.held(one, 0)).toMatchObject({ position: 20_000 });
        expect(member.held(one, 0).epoch).toBeGreaterThan(before.epoch);
      });
    });

    (silentRetention ? () => {} : describe)("retention, when something was not read", () =>
      unread(() => ({ log, opened, clock, warnings }), { retentionMs: RETENTION_MS, restarts: forgets === undefined }),
    );

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
          await eventually(() => expect(before.records).toHaveLength(11));
          await before.settle(1, 7);
          log = (await opened.reopen?.()) as EventLog;
          expect(await log.lag("group", [one])).toBe(4);
          const after = await TestMember.join(log, "group", [one]);
          await eventually(() => expect(values(after.records).sort()).toEqual(["7", "8", "9", "x"]));
          expect({ ...after.records.find((record) => record.partition === 2)?.headers }).toEqual({ a: "b" });
          await log.append(numbered(1, () => key, 10));
          await eventually(() => expect(after.records.filter((record) => record.partition === 1).at(-1)?.offset).toBe(10));
        });
      }
    });
  });
}
