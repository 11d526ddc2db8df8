import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeadLetterSchema,
  DeliveryEventSchema,
  DeliverySchema,
  NotificationPrioritizedSchema,
  NotificationRequestedSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { decode, encode } from "./codec.ts";

/** Lengths on both sides of where a length takes a byte more; text of one to four bytes a character, and broken. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: "grapheme-ascii", minLength: 120, maxLength: 140 }),
  fc.string({ unit: "binary", minLength: 100, maxLength: 200 }),
  fc.constantFrom("", "é".repeat(64), "\ufeffbom", "\ud800", "a".repeat(20_000)),
);
const bytes = fc.uint8Array({ maxLength: 300 });
const int64 = fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.bigInt(0n, 2n ** 54n), fc.bigInt(-3n, 3n));
const uint32 = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const int32 = fc.oneof(fc.nat(3), fc.integer());
const some = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { requiredKeys: [] });

const decision = some({ channel: int32, deliveryId: text, send: fc.boolean(), reasons: fc.array(text), target: text, untilMs: int64 });
const event = some({
  ...{ eventId: text, moment: int32, environment: text, atMs: int64, status: int32, cycle: uint32, attempt: uint32, detail: text },
  ...{ requested: bytes, decisions: fc.array(decision, { maxLength: 3 }), tooLate: fc.array(text, { maxLength: 3 }) },
});
const requested = some({
  ...{ notificationId: text, recipients: fc.array(some({ userId: text, email: text })), content: some({ title: text, body: text }) },
  ...{ channels: fc.array(int32), priority: int32, sendAtMs: int64, metadata: fc.constant({ a: [1, "b", null] }) },
  template: some({ name: text, version: uint32, channels: fc.array(int32) }),
});

const delivery = some({
  ...{ deliveryId: text, channel: int32, expiresAtMs: int64, attempt: uint32, content: bytes, timeZone: text },
  quietHours: some({ start: text, end: text, days: fc.array(int32, { maxLength: 7 }) }),
});

/** What comes of a call, errors too. */
const outcome = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return String(error);
  }
};
const encodesAlike = <D extends DescMessage>(schema: D, init: MessageInitShape<D>) =>
  expect(outcome(() => Buffer.from(encode(schema, init)).toString("hex"))).toEqual(
    outcome(() => Buffer.from(toBinary(schema, create(schema, init))).toString("hex")),
  );
const decodesAlike = (schema: DescMessage, encoded: Uint8Array) => {
  const library = outcome(() => fromBinary(schema, encoded));
  const ours = outcome(() => decode(schema, encoded));
  expect(ours).toStrictEqual(library);
  expect(Object.keys(Object(ours))).toEqual(expect.arrayContaining(Object.keys(Object(library))));
};

describe("encode and decode", () => {
  test("do as the library does with whatever a message holds", () => {
    fc.assert(
      fc.property(event, requested, delivery, (an, asked, one) => {
        encodesAlike(DeliveryEventSchema, an as never);
        encodesAlike(NotificationRequestedSchema, asked as never);
        encodesAlike(DeliverySchema, one as never);
      }),
    );
  });

  test("read what the library writes", () => {
    fc.assert(
      fc.property(event, requested, delivery, (an, asked, one) => {
        const whole = (work: () => Uint8Array) => outcome(work) as Uint8Array | string;
        const encoded = [
          [DeliveryEventSchema, whole(() => toBinary(DeliveryEventSchema, create(DeliveryEventSchema, an as never)))],
          [DeliverySchema, whole(() => toBinary(DeliverySchema, create(DeliverySchema, one as never)))],
          [
            NotificationRequestedSchema,
            whole(() => toBinary(NotificationRequestedSchema, create(NotificationRequestedSchema, asked as never))),
          ],
        ] as const;
        for (const [schema, each] of encoded) if (typeof each !== "string") decodesAlike(schema, each);
      }),
    );
  });

  test("read damaged messages as the library does, errors included", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(event, damage, fc.nat(), (an, changes, cut) => {
        const whole = toBinary(
          DeliveryEventSchema,
          create(DeliveryEventSchema, {
            ...an,
            atMs: 5n,
            moment: 2,
            status: 1,
            cycle: 1,
            attempt: 1,
            decisions: [{ send: true, channel: 1 }],
          } as never),
        );
        const damaged = whole.slice(0, whole.length - (cut % 8));
        for (const [place, byte] of changes) if (damaged.length > 0) damaged[place % damaged.length] = byte;
        decodesAlike(DeliveryEventSchema, damaged);
      }),
      { numRuns: 1_000 },
    );
  });

  test("keep the fields of a newer version", () => {
    const newer = new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string("id")
      .tag(900, WireType.LengthDelimited)
      .string("new")
      .finish();
    const read = decode(DeliverySchema, newer);
    expect(read.deliveryId).toBe("id");
    expect(encode(DeliverySchema, { ...read, attempt: 2 })).toEqual(
      new BinaryWriter()
        .tag(1, WireType.LengthDelimited)
        .string("id")
        .tag(14, WireType.Varint)
        .uint32(2)
        .tag(900, WireType.LengthDelimited)
        .string("new")
        .finish(),
    );
  });

  test("merge a message that stands there twice", () => {
    const half = (content: object) => toBinary(NotificationRequestedSchema, create(NotificationRequestedSchema, { content }));
    const twice = Buffer.concat([half({ title: "a" }), half({ body: "b" })]);
    expect(decode(NotificationRequestedSchema, twice).content).toMatchObject({ title: "a", body: "b" });
  });

  test("take enums that are not packed", () => {
    const single = new BinaryWriter().tag(8, WireType.Varint).int32(1).tag(8, WireType.Varint).int32(2).finish();
    expect(decode(NotificationPrioritizedSchema, single).channels).toEqual([1, 2]);
  });

  test("take a message of another type as the library does", () => {
    encodesAlike(DeliverySchema, create(ContentSchema, { title: "a" }) as never);
  });

  test("leave a message with a map to the library", () => {
    const letter = { id: "1", headers: { a: "b" } };
    encodesAlike(DeadLetterSchema, letter);
    decodesAlike(DeadLetterSchema, toBinary(DeadLetterSchema, create(DeadLetterSchema, letter)));
  });

  test("write a message after one that could not be written", () => {
    expect(() => encode(DeliverySchema, { deliveryId: "a", cycle: -1 })).toThrow();
    encodesAlike(DeliverySchema, { deliveryId: "b" });
  });

  test("hand over bytes that the next message does not change", () => {
    const first = encode(DeliverySchema, { deliveryId: "first" });
    encode(DeliverySchema, { deliveryId: "other" });
    expect(decode(DeliverySchema, first).deliveryId).toBe("first");
  });
});
