import { create, fromBinary, type JsonObject, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Problem } from "#domain/errors.ts";
import { notificationName } from "#domain/ids.ts";
import { recipientWord } from "#domain/recipient.ts";
import { Channel, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { readJson } from "#platform/rpc/json.ts";
import { uuidv5 } from "#platform/uuid.ts";
import { bytes } from "../../test/fakes/stage.ts";
import { accept } from "./accept.ts";

type Init = MessageInitShape<typeof SendRequestSchema>;

const NOW_MS = 1_700_000_000_000;
const DAY_MS = 24 * 3_600_000;

const request = (init: Init = {}) =>
  create(SendRequestSchema, { recipients: [{ userId: "ann" }], content: { title: "Paid", body: "Thank you." }, ...(init as object) });
const accepted = (init: Init = {}, environment = "development", nowMs = NOW_MS) => accept(request(init), environment, nowMs);
const requested = (init: Init = {}) => fromBinary(NotificationRequestedSchema, accepted(init).reservation.requested);
function problemOf(init: Init): Problem {
  try {
    accepted(init);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  return expect.fail("was taken");
}
const told = (init: Init) => problemOf(init).violations.map(({ field, description }) => `${field}: ${description}`);
const nested = (depth: number): JsonObject => (depth === 1 ? {} : { in: nested(depth - 1) });

describe("what goes into the log", () => {
  it("holds everything that was asked", () => {
    const asked: Init = {
      ...{ actor: "bo", eventType: "order.paid", category: "billing", channels: [Channel.EMAIL], priority: Priority.HIGH },
      ...{ metadata: { orderId: "ORD-1", amount: 99.99 }, expiresAt: timestampFromMs(NOW_MS + 60_000) },
      recipients: [{ userId: "ann", email: "ann@example.test" }, { email: "team@example.test" }],
    };
    expect(requested(asked)).toMatchObject({
      ...{ actor: "bo", eventType: "order.paid", category: "billing", channels: [Channel.EMAIL], priority: Priority.HIGH },
      ...{ metadata: { orderId: "ORD-1", amount: 99.99 }, content: { title: "Paid", body: "Thank you.", html: "" } },
      ...{ environment: "development", acceptedAtMs: BigInt(NOW_MS), expiresAtMs: BigInt(NOW_MS + 60_000) },
      recipients: [
        { userId: "ann", email: "ann@example.test" },
        { userId: "", email: "team@example.test" },
      ],
    });
  });

  it("expires after 3 days and takes its category from the event type, unless the sender says otherwise", () => {
    expect(requested({ eventType: "order.paid" })).toMatchObject({ category: "order", expiresAtMs: BigInt(NOW_MS + 3 * DAY_MS) });
    expect(requested().category).toBe("general");
  });

  it("has addresses in their normal form", () => {
    expect(requested({ recipients: [{ email: " Ann.B@EXAMPLE.Test " }] }).recipients).toMatchObject([{ email: "Ann.B@example.test" }]);
  });

  it("is keyed by its first recipient: the person, or else the address", () => {
    expect(accepted({ recipients: [{ userId: "bo", email: "x@y.test" }, { userId: "ann" }] }).reservation.key).toBe("development/bo");
    const word = recipientWord({ userId: "", email: "x@y.test" }, uuidv5);
    expect(accepted({ recipients: [{ email: "x@Y.test" }] }, "production").reservation.key).toBe(`production/${word}`);
  });
});

describe("the id", () => {
  it("derives from environment and key", () => {
    const keyed: Init = { idempotencyKey: "order-1" };
    expect(accepted(keyed).reservation.notificationId).toBe(uuidv5(notificationName("development", "order-1")));
    expect(accepted(keyed, "production").reservation.notificationId).not.toBe(accepted(keyed).reservation.notificationId);
  });

  it("is another one each time without a key", () => {
    const ids = [accepted(), accepted()].map(({ reservation }) => reservation.notificationId);
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("the hash", () => {
  const hash = (init: Init, nowMs = NOW_MS) =>
    accepted({ idempotencyKey: "k", ...(init as object) }, "development", nowMs).reservation.hash;
  const metadata = { a: 1, b: { c: 2, d: 3 } };

  it("is the same for the same request, whenever, under whichever key, and however its metadata is ordered and its address written", () => {
    const first = hash({ metadata, recipients: [{ email: "ann@example.test" }] });
    expect(first).toMatch(/^v1:/);
    expect(hash({ metadata, recipients: [{ email: "ann@example.test" }] }, NOW_MS + 5_000)).toBe(first);
    expect(hash({ metadata, recipients: [{ email: "ann@example.test" }], idempotencyKey: "other" })).toBe(first);
    expect(hash({ metadata: { b: { d: 3, c: 2 }, a: 1 }, recipients: [{ email: "ann@EXAMPLE.test" }] })).toBe(first);
  });

  it("is the same however the request travelled", () => {
    const written = request({ metadata, idempotencyKey: "k" });
    const read = fromBinary(SendRequestSchema, toBinary(SendRequestSchema, written));
    expect(accept(read, "development", NOW_MS).reservation.hash).toBe(hash({ metadata }));
  });

  it.each<[string, Init]>([
    ["recipients", { recipients: [{ userId: "bo" }] }],
    ["more recipients", { recipients: [{ userId: "ann" }, { userId: "bo" }] }],
    ["an actor", { actor: "bo" }],
    ["an event type", { eventType: "order.paid" }],
    ["a category", { category: "billing" }],
    ["words", { content: { title: "Paid", body: "Thank you!" } }],
    ["channels", { channels: [Channel.WEB] }],
    ["a priority", { priority: Priority.LOW }],
    ["metadata", { metadata: { a: 1 } }],
    ["an expiry", { expiresAt: timestampFromMs(NOW_MS + DAY_MS) }],
  ])("is another one for other %s", (_what, init) => {
    expect(hash(init)).not.toBe(hash({}));
  });

  it("is not made without a key", () => {
    expect(accepted().reservation.hash).toBe("");
  });
});

describe("what is refused", () => {
  it.each<[string, Init, string]>([
    ["an expiry in the past", { expiresAt: timestampFromMs(NOW_MS) }, "expires_at: must be in the future"],
    [
      "an expiry beyond the log's retention",
      { expiresAt: timestampFromMs(NOW_MS + 6 * DAY_MS + 1) },
      "expires_at: must be at most 6 days from now",
    ],
    ["metadata that nobody could read", { metadata: nested(25) }, "metadata: must be nested at most 24 deep"],
    [
      "half a character in a template's data",
      { content: undefined, template: { name: "t", data: { list: [{ a: "\ud83d" }] } } } as Init,
      "template.data: must hold whole Unicode characters only, without a lone surrogate",
    ],
    ["numbers that JSON cannot hold", { metadata: { a: Number.NaN } }, "metadata: must hold finite numbers only"],
    [
      "an address that is none",
      { recipients: [{ userId: "a" }, { email: "a@-b-.test" }] },
      "recipients[1].email: must be one email address like ann@example.com",
    ],
    [
      "two addresses in one",
      { recipients: [{ email: "a@b.test,c@d.test" }] },
      "recipients[0].email: must be one email address like ann@example.com",
    ],
  ])("%s, naming the field", (_what, init, description) => {
    expect(told(init)).toEqual([description]);
    expect(problemOf(init).reason).toBe("INVALID_REQUEST");
  });

  it("all of it at once", () => {
    const init: Init = { expiresAt: timestampFromMs(5), metadata: nested(25), recipients: [{ email: "x" }, { email: "y" }] };
    expect(problemOf(init).violations.map(({ field }) => field)).toEqual([
      ...["expires_at", "metadata", "recipients[0].email", "recipients[1].email"],
    ]);
  });

  it("never with a person's data in the words", () => {
    const { message, violations } = problemOf({
      recipients: [{ email: "ann.secret@-b-.test" }],
      metadata: { ssn: "078-05-1120", deep: nested(25) },
    });
    expect(JSON.stringify([message, violations])).not.toMatch(/secret|078/);
  });

  it.each<[string, Init, string]>([
    ["metadata over 16 KiB", { metadata: { a: "x".repeat(16_384) } }, "metadata: must be at most 16 KiB as JSON"],
    ["content over 256 KiB", { content: { body: "x".repeat(300_000) } }, "content: the whole notification must be at most 256 KiB"],
    [
      "32 MiB over all recipients",
      {
        content: { body: "x".repeat(200_000) },
        recipients: Array.from({ length: 200 }, (_, at) => ({ userId: `u${at}` })),
      },
      "recipients: must be at most 166 for a notification of this size; send it in several",
    ],
  ])("%s, as too large", (_what, init, description) => {
    expect(told(init)).toEqual([description]);
    expect(problemOf(init).reason).toBe("NOTIFICATION_TOO_LARGE");
  });

  it("what is larger than 256 KiB as a whole, though each field is within its own bounds", () => {
    const size = (bodyBytes: number): Init => ({ content: { body: "x".repeat(bodyBytes) } });
    const frame = accepted(size(200_000)).reservation.requested.byteLength - 200_000;
    expect(accepted(size(262_144 - frame)).reservation.requested.byteLength).toBe(262_144);
    expect(problemOf(size(262_145 - frame)).reason).toBe("NOTIFICATION_TOO_LARGE");
  });

  it.each([
    ["recipeints", '{"recipeints":[{"userId":"ann"}],"content":{"title":"A"}}', 'unknown field "recipeints"; did you mean "recipients"?'],
    ["recipients[0].user", '{"recipients":[{"user":"ann"}],"content":{"title":"A"}}', 'unknown field "user"; did you mean "userId"?'],
    ["recipients[0].userid", '{"recipients":[{"userid":"ann"}],"content":{"title":"A"}}', 'unknown field "userid"; did you mean "userId"?'],
    ["content.tilte", '{"recipients":[{"userId":"ann"}],"content":{"tilte":"A"}}', 'unknown field "tilte"; did you mean "title"?'],
    ["channels[0]", '{"channels":["CHANNEL_EMIAL"]}', 'must be one of CHANNEL_EMAIL, CHANNEL_WEB; did you mean "CHANNEL_EMAIL"?'],
    ["expires_at", '{"expires_at":"tomorrow"}', "must be a time in RFC 3339: YYYY-MM-DDThh:mm:ssZ"],
  ])("tells the right name for a near miss in JSON: %s", (field, text, description) => {
    try {
      readJson(SendRequestSchema, bytes(text));
    } catch (error) {
      return expect((error as Problem).violations).toEqual([{ field, description }]);
    }
    expect.fail("was read");
  });

  it.each<[string, bigint, number]>([
    ["negative nanos", BigInt(NOW_MS / 1_000 + 60), -1],
    ["more nanos than a second has", BigInt(NOW_MS / 1_000 + 60), 1_000_000_000],
    ["a time before the year 1", -99_999_999_999n, 0],
    ["a time after the year 9999", 999_999_999_999n, 0],
  ])("a time that JSON cannot tell: %s", (_what, seconds, nanos) => {
    const expiresAt = { $typeName: "google.protobuf.Timestamp" as const, seconds, nanos };
    for (const idempotencyKey of ["", "k"]) expect(problemOf({ expiresAt, idempotencyKey }).violations[0]?.field).toBe("expires_at");
  });
});

it("leaves it open whether a keyed request that comes too late was in time the first time", () => {
  const expiresAt = timestampFromMs(NOW_MS + 60_000);
  const first = accepted({ idempotencyKey: "k", expiresAt });
  const repeat = accepted({ idempotencyKey: "k", expiresAt }, "development", NOW_MS + 60_000);
  expect(first.late).toBeUndefined();
  expect(repeat.late?.violations).toEqual([{ field: "expires_at", description: "must be in the future" }]);
  expect(repeat.reservation).toMatchObject({ notificationId: first.reservation.notificationId, hash: first.reservation.hash });
});
