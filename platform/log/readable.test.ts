import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import * as topics from "#domain/topics.ts";
import { ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import {
  DeadLetterSchema,
  DeliveryEventSchema,
  DeliverySchema,
  NotificationPrioritizedSchema,
  NotificationRequestedSchema,
  ScheduledSchema,
  UsedTemplateSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import { lineOf } from "./readable.ts";

const encoded = <D extends DescMessage>(schema: D, init: MessageInitShape<D>) => toBinary(schema, create(schema, init));
const content = encoded(ContentSchema, { title: "Paid" });
const template = encoded(UsedTemplateSchema, { name: "t", version: 3, data: { total: 5 } });
const asProtobuf = { "content-type": "application/protobuf" };

const line = (topic: topics.Topic, value: Uint8Array, headers: Record<string, string> = {}, timeMs = 1_712_319_780_000): string =>
  lineOf({ topic, partition: 3, offset: 17, timeMs, key: "development/ann", value, headers }, topics.topicNamed);
const decodedValue = (...args: Parameters<typeof line>) => JSON.parse(line(...args)).value;

it("a line has the record's place, time, key and headers, and its value as JSON", () => {
  const value = encoded(NotificationRequestedSchema, { recipients: [{ userId: "ann" }] });
  expect(JSON.parse(line(topics.raw, value, asProtobuf))).toEqual({
    ...{ partition: 3, offset: 17, time: "2024-04-05T12:23:00.000Z", key: "development/ann", headers: asProtobuf },
    value: { recipients: [{ userId: "ann" }] },
  });
});

it.each([
  ["content of a lane", topics.high, encoded(NotificationPrioritizedSchema, { content }), { content: { title: "Paid" } }],
  [
    "a template of a lane",
    topics.low,
    encoded(NotificationPrioritizedSchema, { template }),
    { template: { name: "t", data: { total: 5 } } },
  ],
  ["content of a delivery", topics.web, encoded(DeliverySchema, { content }), { content: { title: "Paid" } }],
  ["a template of a delivery", topics.email.high, encoded(DeliverySchema, { template }), { template: { name: "t", version: 3 } }],
  [
    "what was asked, of an event",
    topics.deliveryEvents,
    encoded(DeliveryEventSchema, { requested: encoded(NotificationRequestedSchema, { actor: "bo" }) }),
    { requested: { actor: "bo" } },
  ],
  [
    "what waits, and what is in it",
    topics.schedule,
    encoded(ScheduledSchema, { topic: "web-notifications", value: encoded(DeliverySchema, { content }) }),
    { value: { content: { title: "Paid" } } },
  ],
  [
    "a dead letter's original, however deep",
    topics.deadSchedule,
    encoded(DeadLetterSchema, {
      topic: "schedule",
      value: encoded(ScheduledSchema, { topic: "web-notifications", value: encoded(DeliverySchema, { template }) }),
    }),
    { value: { value: { template: { name: "t" } } } },
  ],
  [
    "JSON that was buried",
    topics.deadNotifications,
    encoded(DeadLetterSchema, { topic: "notifications.raw", value: Buffer.from('{"message":"M"}') }),
    { value: { message: "M" } },
  ],
  [
    "Protobuf that was buried",
    topics.deadNotifications,
    encoded(DeadLetterSchema, {
      ...{ topic: "notifications.raw", headers: asProtobuf },
      value: encoded(NotificationRequestedSchema, { actor: "bo" }),
    }),
    { value: { actor: "bo" } },
  ],
] as const)("opens %s", (_, topic, value, expected) => {
  expect(decodedValue(topic, value)).toMatchObject(expected);
});

it("leaves what cannot be read inside as base64, and what cannot be read at all as text or base64", () => {
  const unknown = encoded(DeadLetterSchema, { topic: "gone", value: Uint8Array.of(1, 2) });
  expect(decodedValue(topics.deadEmail, unknown)).toMatchObject({ topic: "gone", value: "AQI=" });
  expect(JSON.parse(line(topics.raw, Buffer.from("no JSON")))).toMatchObject({ text: "no JSON" });
  expect(JSON.parse(line(topics.web, Uint8Array.of(0xff)))).toMatchObject({ base64: "/w==" });
});

it("is one line that moves no terminal, whatever a stranger wrote, and whenever", () => {
  const nasty = "a\u001b[2J\n\u009b2J\u202eb\u2028";
  const written = line(topics.raw, Buffer.from(JSON.stringify({ message: nasty })), {}, 2 ** 53);
  expect(written).toMatch(/^[\x20-\x7e]+$/);
  expect(JSON.parse(written)).toMatchObject({ time: 2 ** 53, value: { message: nasty } });
});
