/** What the log's suite writes and compares: three small topics, numbered records, keys by partition. */
import { expect, vi } from "vitest";
import type { Topic } from "#domain/topics.ts";
import { DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { LogRecord, Output } from "./log.ts";
import type { TestMember } from "./member.fixture.ts";
import { partitionOf } from "./partition.ts";

export const topic = (name: string, partitions: number): Topic => ({ name, schema: DeliverySchema, partitions });
export const one = topic("suite.one", 4);
export const two = topic("suite.two", 4);
export const other = topic("suite.other", 3);

export const text = (value: Uint8Array) => Buffer.from(value).toString();
export const output = (key: string, value: string, more: Partial<Output> = {}): Output => ({
  topic: one,
  key,
  value: Buffer.from(value),
  ...more,
});
/** A key of that partition. */
export const keyIn = (partition: number, partitions = 4): string => {
  for (let i = 0; ; i++) if (partitionOf(`key-${i}`, partitions) === partition) return `key-${i}`;
};
export const numbered = (count: number, key: (i: number) => string = (i) => `key-${i}`, from = 0): Output[] =>
  Array.from({ length: count }, (_, i) => output(key(from + i), String(from + i)));
export const values = (records: readonly LogRecord[]) => records.map((record) => text(record.value));
export const sorted = (records: readonly LogRecord[]) => values(records).sort((a, b) => Number(a) - Number(b));
export const upTo = (count: number) => Array.from({ length: count }, (_, i) => String(i));

/** No gap and no step back within an assignment, whatever was delivered before it. */
export function expectOrderWithin(member: TestMember): void {
  for (const [assignment, records] of member.delivered) {
    expect(records.map((record) => record.offset)).toEqual(records.map((_, i) => assignment.position + i));
  }
}

/** What an engine on a busy machine does in its own time. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, 15_000);
