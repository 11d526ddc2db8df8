import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as topics from "#domain/topics.ts";
import {
  DeadLetterSchema,
  DeliveryEventSchema,
  NotificationPrioritizedSchema,
  NotificationRequestedSchema,
} from "#gen/carillon/event/v1/event_pb.ts";
import type { Output } from "#platform/log/log.ts";
import { originOf } from "#platform/raw/origin.ts";
import { doorOf } from "../../test/fakes/door.ts";
import { bytes, type Trial, trial } from "../../test/fakes/stage.ts";
import { routersOf } from "./stage.fixture.ts";

const SECRET = "a secret of at least 32 characters";
const ID = "0192f0c1-2345-7abc-8def-0123456789ab";
const further = topics.furtherRaw("notification_service_notifications");

let at: Trial;
beforeEach(async () => {
  at = trial([...topics.all, further]);
  const door = doorOf({
    mode: "production",
    "raw-topic.environment": "production",
    "raw-topics": [{ topic: further, environment: "staging" }],
    "service-secret": SECRET,
  });
  for (const stage of routersOf(at.clock, { door })) await at.run(stage);
});
afterEach(() => at.end());

/** As ingest writes it. */
function accepted(environment: string, headers: Record<string, string> = { "content-type": "application/protobuf" }): Output {
  const key = `${environment}/ann`;
  const nowMs = BigInt(at.clock.nowMs());
  const asked = create(NotificationRequestedSchema, {
    ...{ notificationId: ID, environment, recipients: [{ userId: "ann" }], category: "general", content: { title: "Hello" } },
    ...{ acceptedAtMs: nowMs, expiresAtMs: nowMs + 86_400_000n },
  });
  const value = toBinary(NotificationRequestedSchema, asked);
  return { topic: topics.raw, key, value, headers: { "carillon-origin": originOf(SECRET).prove(key, value), ...headers } };
}
async function append(...outputs: Output[]): Promise<void> {
  await at.log.append(outputs);
  for (const [group, topic] of [
    ["router", topics.raw],
    [`router-${further.name}`, further],
  ] as const)
    await vi.waitFor(async () => expect(await at.log.lag(group, [topic])).toBe(0), { timeout: 10_000, interval: 10 });
}
const prioritized = async () =>
  (await at.records(topics.medium)).map(({ key, value }) => [key, fromBinary(NotificationPrioritizedSchema, value).environment]);
const letters = async () => (await at.records(topics.deadNotifications)).map(({ value }) => fromBinary(DeadLetterSchema, value));
const events = async () => (await at.records(topics.deliveryEvents)).map(({ value }) => fromBinary(DeliveryEventSchema, value));
const flat = (body: object = {}) => bytes(JSON.stringify({ user_id: "ann", event_type: "a", ...body }));

describe("a raw topic that several write to", () => {
  it("loses nothing that ingest acknowledged, whichever environment the topic is bound to", async () => {
    await append(accepted("staging"), accepted("production"), { topic: topics.raw, key: "x", value: flat() });
    expect((await prioritized()).sort()).toEqual([
      ["production/ann", "production"],
      ["production/ann", "production"],
      ["staging/ann", "staging"],
    ]);
    expect(await letters()).toEqual([]);
  });

  it("lets nobody else into another environment: not by the key, not by the body, not by a proof of another record", async () => {
    const { value, headers = {} } = accepted("staging");
    await append(
      { topic: topics.raw, key: "staging/ann", value: flat() },
      { topic: topics.raw, key: "staging/ann", value: flat({ environment: "staging" }) },
      { topic: topics.raw, key: "staging/bo", value, headers },
      { topic: topics.raw, key: "staging/ann", value: flat(), headers: { "carillon-origin": headers["carillon-origin"] as string } },
    );
    expect(await prioritized()).toEqual([["production/ann", "production"]]);
    expect((await letters()).map(({ reason, detail }) => [reason, detail.split(":", 1)[0]]).sort()).toEqual([
      ["invalid", "environment"],
      ["unproven_origin", "carillon-origin"],
      ["unproven_origin", "carillon-origin"],
    ]);
    expect(new Set((await events()).map(({ environment }) => environment))).toEqual(new Set(["production"]));
  });

  it("carries out a record of ingest's once more when it comes again, as a replay of its dead letter does", async () => {
    await append(accepted("staging"), accepted("staging"));
    expect(await prioritized()).toHaveLength(2);
    expect(new Set((await events()).map(({ eventId }) => eventId)).size).toBe(1);
  });
});

describe("a further raw topic", () => {
  it("takes the same shapes for the environment that it is bound to, and for no other", async () => {
    await append(
      { topic: further, key: "", value: bytes('{"message":"The build is green"}') },
      { topic: further, key: "", value: flat() },
      { topic: further, key: "", value: flat({ environment: "production" }) },
    );
    expect(new Set((await prioritized()).map(([, environment]) => environment))).toEqual(new Set(["staging"]));
    expect(await prioritized()).toHaveLength(3);
    expect(await letters()).toMatchObject([
      { topic: further.name, stage: `router-${further.name}`, detail: expect.stringContaining('environment: must be "staging"') },
    ]);
  });
});
