/**
 * The event log of one process, over a storage: placing records, the tail kept in memory, delivery to groups, retention.
 *
 * Members are called from turns of the event loop of their own, a few hundred records at a time, one partition after the other.
 */
import type { Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import { Group, type Held } from "./group.ts";
import type { EventLog, LogRecord, Output } from "./log.ts";
import { partitionOf } from "./partition.ts";
import type { GroupPosition, Placed, Storage } from "./storage.ts";
import { Tail } from "./tail.ts";

const DELIVERED_AT_ONCE = 500;
const FORGET_STEP = 500;
const SWEEP_EVERY_MS = 60_000;

export interface EmbeddedOptions {
  readonly storage: Storage;
  readonly topics: readonly Topic[];
  readonly clock: Clock;
  readonly retentionMs: number;
}

export function embeddedLog({ storage, topics, clock, retentionMs }: EmbeddedOptions): EventLog {
  const groups = new Map<string, Group>();
  const tails = new Map<string, Tail>();
  const closing = new AbortController();
  const dirty = new Set<Held>();
  let turning = false;
  let writing = 0;

  const tailOf = (topic: Topic, partition: number): Tail => {
    const key = `${topic.name}/${partition}`;
    let tail = tails.get(key);
    if (!tail) tails.set(key, (tail = new Tail(storage.bounds(topic, partition).end)));
    return tail;
  };

  const wake = (held: Held): void => {
    if (held.paused || held.revoked || closing.signal.aborted || held.next >= tailOf(held.assignment.topic, held.assignment.partition).end) return;
    dirty.add(held);
    if (turning) return;
    turning = true;
    setImmediate(turn);
  };

  const turn = (): void => {
    turning = false;
    const now = [...dirty];
    dirty.clear();
    for (const held of now) {
      if (held.paused || held.revoked || closing.signal.aborted) continue;
      const { topic, partition } = held.assignment;
      const records = tailOf(topic, partition).from(held.next, DELIVERED_AT_ONCE) ?? storage.read(topic, partition, held.next, DELIVERED_AT_ONCE);
      const last = records.at(-1);
      if (!last) continue;
      held.next = last.offset + 1;
      held.member.deliver(held.assignment, records);
      wake(held);
    }
  };

  const place = (output: Output): Placed => ({ output, partition: partitionOf(output.key, output.topic.partitions) });

  async function write(outputs: readonly Output[], positions: readonly GroupPosition[], durable: boolean): Promise<void> {
    if (outputs.length === 0 && positions.length === 0) return;
    const placed = outputs.map(place);
    const timeMs = clock.nowMs();
    // A tail made after the write would start behind it.
    for (const { output, partition } of placed) tailOf(output.topic, partition);
    writing++;
    try {
      const offsets = await storage.write(placed, positions, timeMs, durable);
      const touched = new Set<string>();
      for (const [index, { output, partition }] of placed.entries()) {
        const { topic, key, value, headers = {} } = output;
        tailOf(topic, partition).push({ topic, partition, offset: offsets[index] as number, timeMs, key, value, headers });
        touched.add(`${topic.name}/${partition}`);
      }
      for (const group of groups.values()) for (const place of touched) group.holding(place)?.forEach(wake);
    } finally {
      writing--;
    }
  }

  void sweep();
  async function sweep(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(SWEEP_EVERY_MS, closing.signal);
      for (const topic of topics)
        for (let partition = 0; partition < topic.partitions; partition++)
          while (!closing.signal.aborted && (await forgetStep(topic, partition)) === FORGET_STEP);
    }
  }
  const forgetStep = (topic: Topic, partition: number) =>
    storage.forget(topic, partition, clock.nowMs() - retentionMs, FORGET_STEP).catch(() => 0);

  return {
    append: (outputs) => write(outputs, [], true),
    async join(name, read, member) {
      let group = groups.get(name);
      if (!group) groups.set(name, (group = new Group(name, read, storage)));
      const own = group.join(member);
      for (const held of group.all()) wake(held);
      return {
        settle: (outputs, positions) => write(outputs, own.accept(positions), false),
        pause: (assignment) => own.find(assignment, (held) => (held.paused = true)),
        resume: (assignment) =>
          own.find(assignment, (held) => {
            held.paused = false;
            wake(held);
          }),
        async leave() {
          own.leave();
          for (const held of group.all()) wake(held);
        },
      };
    },
    async lag(name, read) {
      let sum = 0;
      for (const topic of read)
        for (let partition = 0; partition < topic.partitions; partition++) {
          const { end, first } = storage.bounds(topic, partition);
          sum += end - Math.max(storage.position(name, topic, partition) ?? 0, first);
        }
      return sum;
    },
    async read(topic, partition, from, limit): Promise<readonly LogRecord[]> {
      return storage.read(topic, partition, from, limit);
    },
    async close() {
      closing.abort();
      while (writing > 0) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
