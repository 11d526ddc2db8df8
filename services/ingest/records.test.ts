import { create, fromBinary, fromJsonString, toBinary } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import { originOf } from "#platform/raw/origin.ts";
import { rawRecords } from "./records.ts";

const KEY = "staging/ann";
const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const asked = create(NotificationRequestedSchema, {
  ...{ notificationId: "0192f0c1-2345-7abc-8def-0123456789ab", environment: "staging", recipients: [{ userId: "ann" }], channels: [2] },
  content: { title: "Grüße ✨", body: 'a "line"\n' },
  metadata: { order: { id: 7, notes: [null, true, "\u0001"] } },
  ...{ acceptedAtMs: 1_712_319_780_123n, expiresAtMs: 1_712_319_790_123n },
});
const requested = toBinary(NotificationRequestedSchema, asked);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

it("is Protobuf byte for byte, with what belongs beside it and nothing else", () => {
  const record = rawRecords({ format: "protobuf", origin: undefined });
  expect(record(KEY, requested, undefined)).toMatchObject({ key: KEY, headers: { "content-type": "application/protobuf" } });
  expect(record(KEY, requested, undefined).value).toBe(requested);
  expect(record(KEY, requested, TRACE).headers).toEqual({ "content-type": "application/protobuf", traceparent: TRACE });
});

it("is a line of JSON with the contract's names that says the same, where people are to read it", () => {
  const { value, headers } = rawRecords({ format: "json", origin: undefined })(KEY, requested, undefined);
  expect(headers).toEqual({ "content-type": "application/json" });
  expect(text(value)).toMatch(/^\{"notification_id":"0192f0c1-.*"user_id":"ann".*"channels":\["CHANNEL_WEB"\].*\}$/);
  expect(text(value)).not.toContain("\n");
  expect(fromJsonString(NotificationRequestedSchema, text(value))).toEqual(asked);
});

it("proves its origin, over the bytes that are written", () => {
  const origin = originOf("a secret of at least 32 characters");
  for (const format of ["json", "protobuf"] as const) {
    const { key, value, headers } = rawRecords({ format, origin })(KEY, requested, TRACE);
    expect(origin.isProven(headers?.["carillon-origin"] as string, key, value)).toBe(true);
    expect(headers?.traceparent).toBe(TRACE);
  }
});

it("stays Protobuf where JSON would grow beyond what a topic takes", () => {
  const large = toBinary(NotificationRequestedSchema, create(NotificationRequestedSchema, { content: { body: "\u0001".repeat(200_000) } }));
  const { value, headers } = rawRecords({ format: "json", origin: undefined })(KEY, large, undefined);
  expect(headers).toEqual({ "content-type": "application/protobuf" });
  expect(fromBinary(NotificationRequestedSchema, value).content?.body).toHaveLength(200_000);
});
