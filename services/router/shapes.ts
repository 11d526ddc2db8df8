/**
 * The JSON shapes that the raw topic takes beside the contract's own: the flat event, and the message to everybody. docs/events.md tells
 * of them; both are the REST facades', with what an HTTP request says in its headers as fields.
 */
import { create, type JsonValue } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { partName, rawEventName } from "#domain/ids.ts";
import { nearest } from "#domain/near.ts";
import { type NotificationRequested, NotificationRequestedSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { LogRecord } from "#platform/log/log.ts";
import { idOf, isId } from "#platform/raw/id.ts";
import { metadata, parseBody, text } from "#platform/shapes/body.ts";
import {
  type BroadcastRequest,
  broadcastFields,
  broadcastNames,
  broadcastRequests,
  type Destination,
  partKey,
} from "#platform/shapes/broadcast.ts";
import { eventFields, eventNames, eventRequest } from "#platform/shapes/event.ts";
import { uuidv5 } from "#platform/uuid.ts";

export interface Written {
  /** One notification, or for a message to everybody one for each destination. */
  readonly asked: readonly NotificationRequested[];
  /** What its writer calls the fields of ours that have another name there. */
  readonly names: Readonly<Record<string, string>>;
}

/** A shape, once it is known whose the record is. Throws Problem, as parseBody does. */
export type Shape = (record: LogRecord, environment: string, destinations: readonly Destination[]) => Written;

/** Undefined: the contract's own. A name that only one shape has tells which is meant. */
export function shapeOf(json: JsonValue): Shape | undefined {
  const has = (name: string) => Object.hasOwn(json as object, name);
  if (typeof json !== "object" || json === null || has("recipients")) return undefined;
  if (has("message")) return everybody;
  if (["user_id", "data", "title", "idempotency_key", "send_at"].some(has)) return flatEvent;
  // A misspelt one tells too, so that it is found to be one.
  return Object.keys(json).some((name) => nearest(name, ["recipients", "user_id"]) === "user_id") ? flatEvent : undefined;
}

/** As over HTTP, where it is a header. */
const KEY_MOST_CHARS = 250;

const alsoFields = {
  idempotency_key: text
    .min(1, { error: "must not be empty" })
    .max(KEY_MOST_CHARS, { error: `must be at most ${KEY_MOST_CHARS} characters` })
    .optional(),
  notification_id: text.refine(isId, { error: "must be a UUID, or left out" }).optional(),
  environment: text.optional(),
};

const oneName = ({ idempotency_key, notification_id }: { idempotency_key?: unknown; notification_id?: unknown }) =>
  idempotency_key === undefined || notification_id === undefined;
const twoNames = { path: ["idempotency_key"], error: "cannot stand beside notification_id: one or the other" };

const Event = z
  .strictObject({ ...eventFields, data: metadata.optional(), ...alsoFields })
  .refine(oneName, twoNames)
  .superRefine(({ data, template, metadata }, context) => {
    const fault = (message: string) => context.addIssue({ code: "custom", path: ["data"], message });
    if (data && template?.data) fault("cannot stand beside template.data: one or the other");
    if (data && !template && metadata) fault("cannot stand beside metadata, unless there is a template that it fills in");
  });

const Message = z.strictObject({ ...broadcastFields, ...alsoFields }).refine(oneName, twoNames);

const flatEvent: Shape = ({ value }, environment) => {
  const { data, ...event } = parseBody(Event, value);
  const { template } = event;
  const given = data && (template ? { ...event, template: { ...template, data } } : { ...event, metadata: data });
  const asked = requested(eventRequest(given ?? event), event.environment, idOf(environment, event));
  return { asked: [asked], names: { ...times, ...eventNames, ...(data && { [template ? "template.data" : "metadata"]: "data" }) } };
};

const everybody: Shape = ({ topic, partition, offset, timeMs, value }, environment, destinations) => {
  const message = parseBody(Message, value);
  const whole = message.notification_id ?? uuidv5(rawEventName(topic.name, partition, offset, timeMs));
  const asked = broadcastRequests(message, destinations).map((request, index) => {
    const key = partKey(message.idempotency_key ?? "", index);
    const id = key === "" ? uuidv5(partName(whole, index)) : idOf(environment, { idempotency_key: key });
    return requested(request, message.environment, id);
  });
  return { asked, names: { ...times, ...broadcastNames } };
};

const times = { send_at_ms: "send_at" };

type Request = ReturnType<typeof eventRequest> | BroadcastRequest;

function requested({ sendAt, ...request }: Request, environment: string | undefined, notificationId: string): NotificationRequested {
  // What has passed means at once.
  const sendAtMs = BigInt(Math.max(0, sendAt ? timestampMs(sendAt) : 0));
  return create(NotificationRequestedSchema, { ...request, notificationId, environment: environment ?? "", sendAtMs });
}
