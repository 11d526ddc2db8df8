import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ReplayDeadLettersRequestSchema } from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { SendBatchRequestSchema, type SendRequest, SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { celCheck } from "./certain.cel.ts";
import { certainlyKeepsRules } from "./certain.ts";
import { matches } from "./patterns.ts";

const validator = createValidator({ regexMatch: matches });
const keeps = <D extends DescMessage>(schema: D, init: MessageInitShape<D>) => certainlyKeepsRules(schema, create(schema, init));

const good: MessageInitShape<typeof SendRequestSchema> = {
  recipients: [{ userId: "ann", email: "ann@example.com" }, { userId: "bob" }, { email: "eve@example.com" }],
  ...{ actor: "zoe", eventType: "post.liked", category: "social", idempotencyKey: "1" },
  ...{ content: { title: "Zoë likes it", body: "two\nlines" }, channels: [1, 2], priority: 2, metadata: { a: [1] } },
  sendAt: { seconds: 1n },
};

test("what nearly every request looks like is certain", () => {
  expect(keeps(SendRequestSchema, good)).toBe(true);
  expect(keeps(SendRequestSchema, { recipients: [{ userId: "ann" }], template: { name: "welcome", data: { a: 1 } } })).toBe(true);
  // Its items are answered one by one.
  expect(keeps(SendBatchRequestSchema, { notifications: [{}] })).toBe(true);
});

test.each<object>([
  ...[{ recipients: [] }, { recipients: [{}] }, { recipients: [{ userId: "~ann" }] }, { recipients: [{ email: "ann" }] }],
  ...[{ actor: "a".repeat(129) }, { eventType: "post liked" }, { category: "-" }, { idempotencyKey: "k".repeat(256) }],
  ...[{ content: {} }, { content: { title: "a\rb" } }, { content: { title: "a\nb" } }, { content: { title: "a\0b" } }],
  ...[{ channels: [1, 1] }, { channels: [0] }, { channels: [99] }, { priority: 99 }, { template: { name: "" } }],
  { recipients: Array.from({ length: 1_001 }, () => ({ userId: "a" })) },
])("what breaks a rule is not: %j", (broken) => {
  const message = create(SendRequestSchema, { ...good, ...broken } as never);
  expect(validator.validate(SendRequestSchema, message).kind).toBe("invalid");
  expect(certainlyKeepsRules(SendRequestSchema, message)).toBe(false);
});

test("characters are counted as the validator does", () => {
  const actors = ["a".repeat(128), "é".repeat(128), "🔔".repeat(128), "🔔".repeat(129), `${"🔔".repeat(127)}ab`];
  for (const actor of actors) {
    const message = create(SendRequestSchema, { ...good, actor } as never);
    expect(certainlyKeepsRules(SendRequestSchema, message)).toBe(validator.validate(SendRequestSchema, message).kind === "valid");
  }
});

test("what is certain is valid", () => {
  const text = fc.oneof(fc.constantFrom("", "ann", "ann@example.com", "a\nb", "order.paid"), fc.string({ unit: "binary", maxLength: 9 }));
  const some = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { requiredKeys: [] });
  const request = some({
    ...{ actor: text, eventType: text, category: text, priority: fc.nat(6), channels: fc.array(fc.nat(5), { maxLength: 3 }) },
    recipients: fc.array(some({ userId: text, email: text }), { minLength: 1, maxLength: 2 }),
    content: some({ title: text, body: text }),
    template: some({ name: text, locale: text }),
  }) as fc.Arbitrary<Partial<SendRequest>>;
  fc.assert(
    fc.property(request, (init) => {
      const message = create(SendRequestSchema, init as never);
      expect(certainlyKeepsRules(SendRequestSchema, message)).toBe(validator.validate(SendRequestSchema, message).kind === "valid");
    }),
    { numRuns: 200 },
  );
});

test("rules that are not known are the validator's affair", () => {
  expect(keeps(ReplayDeadLettersRequestSchema, { ids: ["a"] })).toBe(false);
});

test.each([
  ...["size(this) > 3", "this == 3", "this.other != ''", "(this) != ''", "this != 'a' ? true : false", "this.startsWith('a')"],
  ...["this.contains('\\x41')", "this != 'a", "this", "this != 'a' this", "this.contains('a'", ""],
])("CEL beyond text is not known: %s", (expression) => {
  expect(celCheck(expression, undefined)).toBeUndefined();
});

test("CEL on text", () => {
  const check = (expression: string) => celCheck(expression, undefined) ?? expect.fail(`${expression} is not known`);
  expect(check("this == 'it\\'s'")("it's")).toBe(true);
  expect(check("this != 'a' && this != 'b' || this == 'b'")("b")).toBe(true);
  expect(check("this == 'a' || this != 'a' && this == 'b'")("a")).toBe(true);
  expect(check("!this.contains('\\u0000')")("a\0")).toBe(false);
  expect(check("!this.matches('^\\\\d+$')")("12")).toBe(false);
});
