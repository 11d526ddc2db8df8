/** What ingest writes to notifications.raw: Protobuf as it is kept, or the same as JSON, with a proof that it is ingest's where one is needed. */
import { fromBinary, toJsonString } from "@bufbuild/protobuf";
import { raw } from "#domain/topics.ts";
import { NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Output } from "#platform/log/log.ts";
import { ORIGIN_HEADER, type Origin } from "#platform/raw/origin.ts";

export type RawRecord = (key: string, requested: Uint8Array, traceparent: string | undefined) => Output;

/** JSON can be six times its Protobuf, and Kafka takes a mebibyte: what grows beyond this stays Protobuf. */
const JSON_MOST_BYTES = 512 * 1_024;

const protobuf = { "content-type": "application/protobuf" };
const json = { "content-type": "application/json" };

/** `origin`: undefined where nobody else writes. */
export const rawRecords = ({ format, origin }: { format: "json" | "protobuf"; origin: Origin | undefined }): RawRecord => {
  const encode = format === "json" ? asJson : asProtobuf;
  return (key, requested, traceparent) => {
    const { value, type } = encode(requested);
    if (!traceparent && !origin) return { topic: raw, key, value, headers: type };
    const proof = origin && { [ORIGIN_HEADER]: origin.prove(key, value) };
    return { topic: raw, key, value, headers: { ...type, ...(traceparent && { traceparent }), ...proof } };
  };
};

const asProtobuf = (requested: Uint8Array) => ({ value: requested, type: protobuf });

/** With the contract's own names, as docs/events.md has them. */
function asJson(requested: Uint8Array) {
  const text = toJsonString(NotificationRequestedSchema, fromBinary(NotificationRequestedSchema, requested), { useProtoFieldName: true });
  const value = new TextEncoder().encode(text);
  return value.length > JSON_MOST_BYTES ? asProtobuf(requested) : { value, type: json };
}
