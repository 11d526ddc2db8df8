import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DecisionRecord, DecisionRecordSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { decode } from "#platform/protobuf/codec.ts";
import { decodeDecision, encodeDecision } from "./decision.ts";

const decision = fc.record({
  channel: fc.constantFrom(1, 5),
  deliveryId: fc.uuid(),
  send: fc.boolean(),
  reasons: fc.array(fc.constantFrom("channel_default", "quiet_hours"), { maxLength: 2 }),
  target: fc.string({ maxLength: 20 }),
  untilMs: fc.bigInt(0n, 1_800_000_000_000n),
  locale: fc.constantFrom("", "de-AT"),
});
const records: fc.Arbitrary<DecisionRecord> = fc
  .record({
    decisions: fc.array(decision, { minLength: 1, maxLength: 3 }),
    decidedAtMs: fc.bigInt(1_600_000_000_000n, 1_800_000_000_000n),
    quietHours: fc.option(fc.constant({ start: "22:00", end: "07:00" }), { nil: undefined }),
    timeZone: fc.constantFrom("", "Europe/Vienna"),
    atMostOnce: fc.boolean(),
  })
  .map((init) => create(DecisionRecordSchema, init as MessageInitShape<typeof DecisionRecordSchema>));

/** As they were recorded before there were seals. */
const unsealed = (record: DecisionRecord) => toBinary(DecisionRecordSchema, record);
const prefixes = (bytes: Uint8Array) => Array.from(bytes, (_, end) => bytes.subarray(0, end));

describe("a recorded decision", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(decodeDecision(encodeDecision(record))).toEqual(record);
      }),
    );
  });

  it("that is cut, wherever that is, cannot be read", () => {
    fc.assert(
      fc.property(records, (record) => {
        for (const cut of prefixes(encodeDecision(record))) expect(decodeDecision(cut)).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  it("of which a byte behind the tag has changed cannot be read", () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.integer({ min: 1, max: 255 }), (record, place, by) => {
        const bytes = encodeDecision(record);
        const at = 1 + (place % (bytes.length - 1));
        bytes[at] = (bytes[at] as number) ^ by;
        expect(decodeDecision(bytes)).toBeUndefined();
      }),
    );
  });

  it("is read by who knows no seals", () => {
    fc.assert(
      fc.property(records, (record) => {
        const { $unknown, ...read } = decode(DecisionRecordSchema, encodeDecision(record));
        expect($unknown).toMatchObject([{ no: 15 }]);
        expect(read).toEqual({ ...record });
      }),
    );
  });
});

describe("a decision that was recorded before there were seals", () => {
  it("is read", () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(decodeDecision(unsealed(record))).toEqual(record);
      }),
    );
  });

  it("and is cut before its time, so that decisions may be missing, cannot be read", () => {
    fc.assert(
      fc.property(records, (record) => {
        const upToTime = unsealed(create(DecisionRecordSchema, { decisions: record.decisions, decidedAtMs: record.decidedAtMs }));
        for (const cut of prefixes(upToTime)) expect(decodeDecision(cut)).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });
});
