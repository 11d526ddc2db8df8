/**
 * The log as one process has it: the real one in memory behind a wire, and a broker that puts out members it no longer hears from.
 *
 * A member that was put out does not know until it is told, and works on meanwhile; then it joins again. Outputs and positions go together,
 * as on SQLite, or one after the other, as on Kafka, where a lost reply may have left a part of the outputs.
 */
import type { EventLog, Member, Membership, Output } from "#platform/log/log.ts";
import { partitionOf } from "#platform/log/partition.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";
import type { Wire } from "./wire.ts";

export interface BrokerNeeds {
  readonly log: EventLog;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly wire: Wire;
  /** Outputs and positions in one transaction. */
  readonly isAtomic: boolean;
}

export interface Broker {
  logOf(process: Process): EventLog;
  /** No longer hears from a process. */
  putOut(process: Process): void;
}

const TOLD_WITHIN_MS = 300;

/** One group that a process is in. */
interface Joined {
  membership: Membership | undefined;
  isOut: boolean;
  hasLeft: boolean;
  join(): Promise<void>;
}

export function brokerOf({ log, timeline, random, wire, isAtomic }: BrokerNeeds): Broker {
  const members = new Map<Process, Joined[]>();

  /** What a member is told reaches it later, in order. */
  const told = (process: Process, group: string, member: Member): Member => {
    const news: (() => void)[] = [];
    const tell = (what: string, act: () => void) => {
      news.push(act);
      process.after(random.between(0, TOLD_WITHIN_MS), `${group} ${what}`, () => news.shift()?.());
    };
    return {
      assigned: (assignments) => tell("assigned", () => member.assigned(assignments)),
      revoked: (assignments) => tell("revoked", () => member.revoked(assignments)),
      deliver: (assignment, records) =>
        tell(`delivered ${assignment.topic.name}/${assignment.partition}+${records.length}`, () => member.deliver(assignment, records)),
    };
  };

  /** A call that is cut off may have come to a part of the partitions. */
  const appendPart = (outputs: readonly Output[]): Promise<void> => {
    const placeOf = ({ topic, key }: Output) => `${topic.name}/${partitionOf(key, topic.partitions)}`;
    const taken = new Set([...new Set(outputs.map(placeOf))].filter(() => random.chance(0.5)));
    return log.append(outputs.filter((output) => taken.has(placeOf(output))));
  };

  const append = (outputs: readonly Output[], isCut: boolean): Promise<void> =>
    isCut && !isAtomic ? appendPart(outputs) : log.append(outputs);

  const settle = async (joined: Joined, isCut: boolean, ...[outputs, positions]: Parameters<Membership["settle"]>) => {
    if (isAtomic) return joined.membership?.settle(outputs, positions);
    if (isCut && random.chance(0.5)) return appendPart(outputs);
    await log.append(outputs);
    if (!isCut || random.chance(0.5)) await joined.membership?.settle([], positions);
  };

  return {
    logOf: (process) => ({
      ...log,
      append: (outputs) => wire.call(process, "log.append", (isCut) => append(outputs, isCut)),
      async join(group, topics, member) {
        const one = told(process, group, member);
        const joined: Joined = {
          ...{ membership: undefined, isOut: false, hasLeft: false },
          join: () =>
            wire.call(
              process,
              `${group} joins`,
              async () => {
                joined.membership = await log.join(group, topics, one);
                joined.isOut = false;
                if (!process.isAlive) await joined.membership.leave();
              },
              { sure: true },
            ),
        };
        members.set(process, [...(members.get(process) ?? []), joined]);
        await joined.join();
        return {
          settle: (outputs, positions) => wire.call(process, `${group} settles`, (isCut) => settle(joined, isCut, outputs, positions)),
          pause: (assignment) => joined.membership?.pause(assignment),
          resume: (assignment) => joined.membership?.resume(assignment),
          leave() {
            joined.hasLeft = true;
            return wire.call(process, `${group} leaves`, async () => joined.membership?.leave(), { sure: true });
          },
        };
      },
    }),
    putOut(process) {
      for (const joined of members.get(process) ?? []) {
        if (!joined.membership || joined.isOut) continue;
        joined.isOut = true;
        timeline.during(joined.membership.leave());
        process.after(random.between(0, TOLD_WITHIN_MS), "joins again", () => {
          if (!joined.hasLeft) void joined.join();
        });
      }
    },
  };
}
