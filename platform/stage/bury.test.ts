import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { deadNotifications, raw } from "#domain/topics.ts";
import { DeadLetterSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { LogRecord } from "#platform/log/log.ts";
import { DEAD_LETTER_MOST_BYTES, deadLetter } from "./bury.ts";

const record = (more: Partial<LogRecord> = {}): LogRecord => ({
  ...{ topic: raw, partition: 3, offset: 17, timeMs: 5, key: "development/ann", value: new Uint8Array([1, 2, 3]), headers: { a: "b" } },
  ...more,
});
const burial = { stage: "router", deadLetters: deadNotifications, reason: "invalid", detail: "why", atMs: 9 } as const;
const read = (from: LogRecord, more: object = {}) => {
  const output = deadLetter(from, { ...burial, ...more });
  return { output, letter: fromBinary(DeadLetterSchema, output.value) };
};

describe("a dead letter", () => {
  it("holds the whole original, where it was read, and why it was given up", () => {
    const { output, letter } = read(record());
    expect(output).toMatchObject({ topic: deadNotifications, key: "development/ann" });
    expect(letter).toMatchObject({
      ...{ topic: "notifications.raw", partition: 3, offset: 17n, key: "development/ann", value: new Uint8Array([1, 2, 3]) },
      ...{ headers: { a: "b" }, stage: "router", reason: "invalid", detail: "why", atMs: 9n },
    });
  });

  it("has the same id whenever the same record is buried by the same stage", () => {
    expect(read(record(), { atMs: 10 }).letter.id).toBe(read(record()).letter.id);
    expect(read(record({ offset: 18 })).letter.id).not.toBe(read(record()).letter.id);
  });

  it("fits its topic however large the original is, and says what was cut", () => {
    const huge = record({
      value: new Uint8Array(9_000_000).fill(7),
      key: "界".repeat(100_000),
      headers: { small: "kept", large: "界".repeat(3_000_000) },
    });
    const { output, letter } = read(huge, { detail: "d".repeat(5_000) });
    expect(output.value.byteLength).toBeLessThanOrEqual(DEAD_LETTER_MOST_BYTES);
    expect(letter.detail).toHaveLength(1_000);
    expect(letter.detail).toMatch(
      /d \[value cut from 9000000 to \d+ bytes\] \[key cut from 100000 to 4096 characters\] \[headers left out/,
    );
    expect(letter.headers).toEqual({ small: "kept" });
  });
});
