import type { DescMessage } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Problem, Violation } from "#domain/errors.ts";
import {
  CreateReplayRequestSchema,
  GetReplayRequestSchema,
  ListDeadLettersRequestSchema,
} from "#gen/carillon/deadletters/v1/deadletters_pb.ts";
import { SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { AddSuppressionRequestSchema, SetCategoryRequestSchema } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { ExplainRequestSchema } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import { readJson } from "./json.ts";

function violationsOf(schema: DescMessage, json: unknown): readonly Violation[] {
  try {
    readJson(schema, new TextEncoder().encode(JSON.stringify(json)));
  } catch (error) {
    return (error as Problem).violations;
  }
  return expect.fail("was read");
}

describe("a field that there is not", () => {
  it.each<[DescMessage, object, string, string]>([
    [SetCategoryRequestSchema, { name: "codes", category: {} }, "name", "category.name"],
    [SetCategoryRequestSchema, { atMostOnce: true }, "atMostOnce", "category.atMostOnce"],
    [SetCategoryRequestSchema, { at_most_once: true }, "at_most_once", "category.at_most_once"],
    [SetCategoryRequestSchema, { atMostOnec: true }, "atMostOnec", "category.atMostOnce"],
    [AddSuppressionRequestSchema, { address: "a@example.test" }, "address", "who.address"],
    [CreateReplayRequestSchema, { userId: "ann" }, "userId", "filter.userId"],
    [ListDeadLettersRequestSchema, { queue: "dlq-email" }, "queue", "filter.queue"],
    [SendRequestSchema, { title: "Hello" }, "title", "content.title"],
    [SendRequestSchema, { userId: "ann" }, "userId", "recipients[0].userId"],
    [ExplainRequestSchema, { id: "1" }, "id", "notificationId"],
    [GetReplayRequestSchema, { replayId: "1" }, "replayId", "id"],
  ])("of %s is told as the one that was meant, one level deeper too: %j", (schema, json, field, meant) => {
    expect(violationsOf(schema, json)).toEqual([{ field, description: `unknown field "${field}"; did you mean "${meant}"?` }]);
  });
});

describe("a number that is none", () => {
  it.each([-1, "20/s", 1.5])("is told the range that the contract allows: %j", (ratePerSecond) => {
    expect(violationsOf(CreateReplayRequestSchema, { ratePerSecond })).toEqual([
      { field: "rate_per_second", description: "must be a whole number from 0 to 1000" },
    ]);
  });

  it("is told the range of its type where the contract allows all of it", () => {
    expect(violationsOf(ListDeadLettersRequestSchema, { filter: { fromMs: "yesterday" } })).toMatchObject([
      { field: "filter.from_ms", description: "must be a whole number from 0" },
    ]);
  });
});
