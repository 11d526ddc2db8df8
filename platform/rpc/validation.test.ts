import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { GetPersonRequestSchema, SetCategoryRequestSchema } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { ExplainRequestSchema } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { validateMessage } from "./validation.ts";

const told = <D extends DescMessage>(schema: D, init: MessageInitShape<D>) =>
  validateMessage(schema, create(schema, init)).map(({ field, description }) => `${field}: ${description}`);

it.each<[string, () => string[], string]>([
  ["a whole message", () => told(SetCategoryRequestSchema, {}), "category: is missing"],
  ["a name", () => told(SetCategoryRequestSchema, { category: {} }), "category.name: is missing"],
  ["a UUID", () => told(ExplainRequestSchema, {}), "notification_id: is missing"],
  ["a person", () => told(GetPersonRequestSchema, {}), "user_id: is missing"],
])("%s that was left out is missing, and that is said once", (_, call, words) => {
  expect(call()).toEqual([words]);
});

it("what is there and wrong is told what would be right", () => {
  expect(told(ExplainRequestSchema, { notificationId: "x" })).toEqual(["notification_id: must be a UUID"]);
  expect(told(SetCategoryRequestSchema, { category: { name: "a b" } })[0]).toMatch(/^category\.name: must be letters/);
  expect(told(SendRequestSchema, { content: { title: "A" } })).toEqual(["recipients: must have at least 1 item"]);
});
