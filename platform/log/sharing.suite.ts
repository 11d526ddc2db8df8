/** The part of the log's suite about members that share a group. */
import { expect, test } from "vitest";
import type { Topic } from "#domain/topics.ts";
import type { EventLog } from "./log.ts";
import { TestMember } from "./member.fixture.ts";
import { partitionOf } from "./partition.ts";
import { eventually, expectOrderWithin, keyIn, numbered, one, other, output, sorted, two, upTo, values } from "./records.fixture.ts";

export function sharing(log: () => EventLog): void {
  test("two members share the partitions, the same of each topic with as many", async () => {
    const a = await TestMember.join(log(), "group", [one, two, other]);
    const b = await TestMember.join(log(), "group", [one, two, other]);
    const of = (member: TestMember, at: Topic) => member.holds(at);
    expect([...of(a, one), ...of(b, one)].sort()).toEqual([0, 1, 2, 3]);
    expect([of(a, one).length, of(b, one).length]).toEqual([2, 2]);
    expect(of(a, two)).toEqual(of(a, one));
    expect(of(b, two)).toEqual(of(b, one));
    expect([...of(a, other), ...of(b, other)].sort()).toEqual([0, 1, 2]);
  });

  test("both together get everything once when what they get is settled", async () => {
    const a = await TestMember.join(log(), "group", [one], { settles: true });
    const b = await TestMember.join(log(), "group", [one], { settles: true });
    await log().append(numbered(400));
    await eventually(() => expect(sorted([...a.records, ...b.records])).toEqual(upTo(400)));
    expect(a.records.length).toBeGreaterThan(0);
    expect(b.records.length).toBeGreaterThan(0);
  });

  test("a partition is revoked before another member has it, and each time under a higher epoch", async () => {
    const told: string[] = [];
    const a = await TestMember.join(log(), "group", [one], { told: (what) => told.push(`a ${what}`) });
    const before = new Map(a.holds(one).map((partition) => [partition, a.held(one, partition)]));
    const b = await TestMember.join(log(), "group", [one], { told: (what) => told.push(`b ${what}`) });
    expect(told).toEqual(["a assigned", "a revoked", "b assigned"]);
    for (const partition of b.holds(one)) expect(b.held(one, partition).epoch).toBeGreaterThan(before.get(partition)?.epoch ?? Infinity);
    for (const partition of a.holds(one)) expect(a.held(one, partition)).toBe(before.get(partition));
  });

  test("a partition goes on with its next holder after what the last one settled, also when that was still under way", async () => {
    await log().append([0, 1, 2, 3].flatMap((partition) => numbered(10, () => keyIn(partition))));
    const a = await TestMember.join(log(), "group", [one]);
    await eventually(() => expect(a.records).toHaveLength(40));
    const settling = [0, 1, 2, 3].map((partition) => a.settle(partition, 10));
    const b = await TestMember.join(log(), "group", [one]);
    expect(b.holds(one).map((partition) => b.held(one, partition).position)).toEqual([10, 10]);
    await Promise.all(settling);
  });

  test("members that come and go while records flow lose nothing", async () => {
    const members: TestMember[] = [];
    const join = async () => members.push(await TestMember.join(log(), "group", [one, two], { settles: true }));
    const gotten = () => members.reduce((sum, member) => sum + member.records.length, 0);
    let total = 0;
    let moving = true;
    const flow = (async () => {
      for (; moving; total += 40) {
        await log().append(numbered(40, undefined, total).map((each, n) => (n % 2 === 0 ? each : { ...each, topic: two })));
      }
    })();
    await join();
    for (let round = 0; round < 8; round++) {
      await join();
      if (round % 2 === 1) await members[round]?.membership.leave();
      const before = gotten();
      await eventually(() => expect(gotten()).toBeGreaterThan(before + 80));
    }
    moving = false;
    await flow;
    await eventually(async () => expect(await log().lag("group", [one, two])).toBe(0));
    const got = new Set(members.flatMap((member) => values(member.records)));
    expect(got.size).toBe(total);
    for (const member of members) expectOrderWithin(member);
  });

  test("what a member that left held goes on with the others", async () => {
    const a = await TestMember.join(log(), "group", [one], { settles: true });
    const b = await TestMember.join(log(), "group", [one], { settles: true });
    await a.membership.leave();
    expect(a.holds(one)).toEqual([]);
    await eventually(() => expect(b.holds(one)).toEqual([0, 1, 2, 3]));
    await log().append(numbered(40));
    await eventually(() => expect(sorted(b.records)).toEqual(upTo(40)));
    await a.membership.leave();
    expect(a.records).toEqual([]);
  });

  test("settling what has been revoked does not move the position, but keeps the outputs", async () => {
    const key = keyIn(2);
    await log().append(numbered(5, () => key));
    const late = await TestMember.join(log(), "group", [one]);
    await eventually(() => expect(late.records).toHaveLength(5));
    const old = late.held(one, 2);
    await late.membership.leave();
    await late.membership.settle([output(key, "kept", { topic: two })], [{ ...old, next: 5 }]);
    expect(values(await log().read(two, partitionOf(key, 4), 0, 10))).toEqual(["kept"]);
    expect(await log().lag("group", [one])).toBe(5);
    const next = await TestMember.join(log(), "group", [one]);
    await eventually(() => expect(values(next.records)).toEqual(upTo(5)));
  });

  test("a member that reads other topics than its group is refused", async () => {
    await TestMember.join(log(), "group", [one]);
    await expect(TestMember.join(log(), "group", [two])).rejects.toThrow("suite.two");
  });
}
