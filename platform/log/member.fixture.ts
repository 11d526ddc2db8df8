/** What the log's suite uses: a member that remembers all it is told, and a clock that stands until it is moved. */
import type { Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import type { Assignment, EventLog, LogRecord, Member, Membership, Output } from "./log.ts";

interface Behaviour {
  /** Settle everything as it comes. */
  readonly settles?: boolean;
  readonly onDeliver?: (records: readonly LogRecord[], assignment: Assignment) => void;
  readonly told?: (what: "assigned" | "revoked") => void;
}

export class TestMember implements Member {
  readonly records: LogRecord[] = [];
  readonly delivered = new Map<Assignment, LogRecord[]>();
  readonly #held = new Map<string, Assignment>();
  readonly #behaviour: Behaviour;
  #joined: Membership | undefined;

  static async join(log: EventLog, group: string, topics: readonly Topic[], behaviour: Behaviour = {}): Promise<TestMember> {
    const member = new TestMember(behaviour);
    member.#joined = await log.join(group, topics, member);
    return member;
  }

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
  }

  get membership(): Membership {
    if (this.#joined === undefined) throw new Error("Records came before the membership.");
    return this.#joined;
  }

  assigned(assignments: readonly Assignment[]): void {
    for (const assignment of assignments) {
      this.#held.set(`${assignment.topic.name}/${assignment.partition}`, assignment);
      this.delivered.set(assignment, []);
    }
    this.#behaviour.told?.("assigned");
  }

  revoked(assignments: readonly Assignment[]): void {
    for (const { topic, partition } of assignments) this.#held.delete(`${topic.name}/${partition}`);
    this.#behaviour.told?.("revoked");
  }

  deliver(assignment: Assignment, records: readonly LogRecord[]): void {
    if (this.held(assignment.topic, assignment.partition) !== assignment) throw new Error("Delivered what is not held.");
    this.records.push(...records);
    this.delivered.get(assignment)?.push(...records);
    this.#behaviour.onDeliver?.(records, assignment);
    if (this.#behaviour.settles) void this.membership.settle([], [{ ...assignment, next: (records.at(-1) as LogRecord).offset + 1 }]);
  }

  holds(topic: Topic): number[] {
    const held = [...this.#held.values()].filter((assignment) => assignment.topic === topic);
    return held.map((assignment) => assignment.partition).sort((a, b) => a - b);
  }

  held(topic: Topic, partition: number): Assignment {
    const assignment = this.#held.get(`${topic.name}/${partition}`);
    if (assignment === undefined) throw new Error(`${topic.name}/${partition} is not held.`);
    return assignment;
  }

  /** Settles what is held under its topic's first match: `partition` up to `next`. */
  settle(partition: number, next: number, outputs: readonly Output[] = []): Promise<void> {
    const assignment = [...this.#held.values()].find((each) => each.partition === partition) as Assignment;
    return this.membership.settle(outputs, [{ ...assignment, next }]);
  }
}

export class TestClock implements Clock {
  #nowMs: number;
  readonly #sleepers = new Set<{ readonly untilMs: number; wake(): void }>();

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = { untilMs: this.#nowMs + ms, wake: () => {} };
      sleeper.wake = () => {
        this.#sleepers.delete(sleeper);
        resolve();
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", sleeper.wake, { once: true });
    });
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) if (sleeper.untilMs <= this.#nowMs) sleeper.wake();
  }
}
