/** The id of what a record of a raw topic asks for, as its writer named it: by a UUID, or by an idempotency key. */
import { notificationName } from "#domain/ids.ts";
import { uuidv5 } from "#platform/uuid.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const isId = (text: unknown): text is string => typeof text === "string" && UUID.test(text);

/** The id that the body gives, or that ingest would have made of its key; empty when there is neither. */
export function idOf(environment: string, body: { readonly idempotency_key?: unknown; readonly notification_id?: unknown }): string {
  if (isId(body.notification_id)) return body.notification_id;
  const { idempotency_key: key } = body;
  return typeof key === "string" && key !== "" ? uuidv5(notificationName(environment, key)) : "";
}
