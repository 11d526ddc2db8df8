/** The part of the log's suite about what retention forgets before somebody has read it. */
import { expect, test } from "vitest";
import type { Topic } from "#domain/topics.ts";
import type { EventLog } from "./log.ts";
import { type TestClock, TestMember } from "./member.fixture.ts";
import { eventually, keyIn, numbered, one, other, output, values } from "./records.fixture.ts";

interface Trial {
  readonly log: EventLog;
  readonly opened: { reopen?(): Promise<EventLog> };
  readonly clock: TestClock;
  readonly warnings: readonly unknown[][];
}

/** `restarts`: the log keeps what it has over a close. */
export function unread(at: () => Trial, { retentionMs, restarts }: { readonly retentionMs: number; readonly restarts: boolean }): void {
  /** The newest record is kept, so that what is forgotten can be seen to be. */
  const firstKept = async (log: EventLog, of: Topic, partition: number) => (await log.read(of, partition, 0, 1))[0]?.offset;
  const inOther = (count: number, partition: number) =>
    Array.from({ length: count }, () => output(keyIn(partition, other.partitions), "x", { topic: other }));

  test("says how much of which topic a group that is there will never read, and nothing of what was read", async () => {
    const { log, clock, warnings } = at();
    const key = keyIn(0);
    const reads = await TestMember.join(log, "reads", [one, other]);
    const waits = await TestMember.join(log, "waits", [one, other]);
    const gone = await TestMember.join(log, "gone", [one, other]);
    await gone.membership.leave();
    waits.membership.pause(waits.held(one, 0));
    waits.membership.pause(waits.held(other, 1));
    waits.membership.pause(waits.held(other, 2));
    await log.append([...numbered(7, () => key), ...inOther(2, 1), ...inOther(3, 2), output(keyIn(1), "read")]);
    await eventually(() => expect(reads.records).toHaveLength(13));
    await eventually(() => expect(values(waits.records)).toEqual(["read"]));
    clock.pass(retentionMs);
    await log.append(numbered(1, () => key));
    await eventually(async () => {
      clock.pass(60_000);
      expect(await firstKept(log, one, 0)).toBe(7);
      expect(warnings).not.toEqual([]);
    });
    expect(warnings).toEqual([
      [{ group: "waits", topics: { [one.name]: 7, [other.name]: 5 } }, "records forgotten that the group had not read"],
    ]);
  });

  if (restarts) {
    test("begins only when those that read have had time to come back after a start", async () => {
      const { opened, clock, warnings } = at();
      let { log } = at();
      const key = keyIn(0);
      await log.append(numbered(600, () => key));
      clock.pass(2 * retentionMs);
      log = (await opened.reopen?.()) as EventLog;
      clock.pass(9 * 60_000);
      // What is forgotten at all is forgotten before a later append is answered.
      await log.append(inOther(1, 0));
      const member = await TestMember.join(log, "group", [one]);
      await eventually(() => expect(member.records).toHaveLength(600));
      clock.pass(60_000);
      await eventually(async () => expect(await firstKept(log, one, 0)).toBeUndefined());
      expect(warnings).toEqual([]);
    });
  }
}
