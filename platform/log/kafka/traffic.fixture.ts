/** Concurrent appends of numbered records by key, and what of them must be in the log afterwards: every acknowledged one, in order per key. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import type { Topic } from "#domain/topics.ts";
import type { EventLog, LogRecord } from "../log.ts";

const KEYS = 60;

export interface Traffic {
  /** Appends that were acknowledged, and those that were not. */
  readonly acknowledged: ReadonlySet<string>;
  readonly refused: number;
  stop(): Promise<void>;
}

/** `writers` append as fast as they are answered, each its own keys, the next of a key only after the last was acknowledged. */
export function startTraffic(
  log: EventLog,
  topic: Topic,
  { writers = 8, pauseMs = 0 }: { writers?: number; pauseMs?: number } = {},
): Traffic {
  const acknowledged = new Set<string>();
  let refused = 0;
  let running = true;
  const write = async (writer: number) => {
    const next = new Map<number, number>();
    while (running) {
      const outputs = Array.from({ length: KEYS }, (_, key) => {
        const number = (next.get(key) ?? 0) + 1;
        next.set(key, number);
        return { topic, key: `w${writer}-k${key}`, value: Buffer.from(`w${writer}-k${key}:${number}`.padEnd(300, ".")) };
      });
      try {
        await log.append(outputs);
        for (const { value } of outputs) acknowledged.add(nameOf(value));
      } catch {
        refused++;
        // A log that is closed refuses without a breath between.
        await sleep(20);
      }
      if (pauseMs > 0) await sleep(pauseMs);
    }
  };
  onTestFinished(() => {
    running = false;
  });
  const writing = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return {
    acknowledged,
    get refused() {
      return refused;
    },
    async stop() {
      running = false;
      await writing;
    },
  };
}

export const nameOf = (value: Uint8Array): string => Buffer.from(value).toString().replace(/\.+$/, "");

export async function everythingIn(log: EventLog, topic: Topic): Promise<LogRecord[]> {
  const partitions = await Promise.all(
    Array.from({ length: topic.partitions }, (_, partition) => log.read(topic, partition, 0, 10_000_000)),
  );
  return partitions.flat();
}

/** A record may be there twice; the first ones of each key must count upwards without a hole among what was acknowledged. */
export function expectKept(found: readonly LogRecord[], acknowledged: ReadonlySet<string>): void {
  const there = new Set(found.map(({ value }) => nameOf(value)));
  expect([...acknowledged].filter((name) => !there.has(name))).toEqual([]);
  const highest = new Map<string, number>();
  const seen = new Set<string>();
  const swapped: string[] = [];
  for (const { key, value } of found) {
    const name = nameOf(value);
    if (seen.has(name)) continue;
    seen.add(name);
    const number = Number(name.slice(key.length + 1));
    if (number < (highest.get(key) ?? 0)) swapped.push(name);
    highest.set(key, Math.max(number, highest.get(key) ?? 0));
  }
  expect(swapped).toEqual([]);
}
