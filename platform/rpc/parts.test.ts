import { create, equals, toBinary, toJsonString } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Problem } from "#domain/errors.ts";
import { SendBatchRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { whyUnreadable } from "./items.ts";
import { PART_BYTES, readInParts } from "./parts.ts";
import type { Load } from "./shed.ts";

const COUNT = 300;
const batch = create(SendBatchRequestSchema, {
  notifications: Array.from({ length: COUNT }, (_, index) => ({
    recipients: [{ userId: `person-${index}` }],
    content: { title: `Number ${index}`, body: "x".repeat(1_000) },
    metadata: { index },
  })),
});

async function read(encoding: "binary" | "json", bytes: Uint8Array, decode: Load["decode"] = async () => {}) {
  const load: Load = { of: () => {}, hold: () => {}, onShed: () => {}, leave: () => {}, decode };
  return readInParts(SendBatchRequestSchema, encoding, bytes, load);
}
const json = (text = toJsonString(SendBatchRequestSchema, batch)) => new TextEncoder().encode(text);

describe.each([
  ["binary", () => toBinary(SendBatchRequestSchema, batch)],
  ["json", () => json()],
] as const)("a large request in %s", (encoding, bytes) => {
  it("is read in parts as it would be at once, none of them much larger than a part", async () => {
    const turns: number[] = [];
    const message = await read(encoding, bytes(), async (size) => void turns.push(size));
    expect(equals(SendBatchRequestSchema, message, batch)).toBe(true);
    expect(turns.length).toBeGreaterThan(COUNT / 100);
    for (const size of turns.slice(1)) expect(size).toBeLessThan(PART_BYTES + 2_000);
  });

  it("is read no further once it is refused", async () => {
    let turns = 0;
    const refusal = new Problem("OVERLOADED");
    const refuse = async () => {
      if (turns++ === 2) throw refusal;
    };
    await expect(read(encoding, bytes(), refuse)).rejects.toBe(refusal);
    expect(turns).toBe(3);
  });

  it("that breaks off is the caller's fault", async () => {
    const reason = encoding === "json" ? "MALFORMED_JSON" : "INVALID_REQUEST";
    await expect(read(encoding, bytes().subarray(0, 200_000))).rejects.toMatchObject({ reason });
  });
});

it("an item that cannot be read stands alone, wherever it is", async () => {
  const text = toJsonString(SendBatchRequestSchema, batch).replace('"Number 250"', "250").replace('"Number 3"', "3");
  const { notifications } = await read("json", json(text));
  const wrong = notifications.flatMap((each, index) => (whyUnreadable(each) ? [index] : []));
  expect([notifications.length, wrong]).toEqual([COUNT, [3, 250]]);
  expect(notifications[299]?.content?.title).toBe("Number 299");
});

it("what else is wrong beside the items is told", async () => {
  const text = toJsonString(SendBatchRequestSchema, batch).replace('{"notifications"', '{"other":1,"notifications"');
  await expect(read("json", json(text))).rejects.toMatchObject({ reason: "INVALID_REQUEST", violations: [{ field: "other" }] });
});
