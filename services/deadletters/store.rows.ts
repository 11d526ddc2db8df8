/** What a row says of a dead letter, whichever database it comes from. */
import type { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import type { Row } from "#platform/sql/row.ts";
import type { Letter, Standing, State, Summary } from "./store.ts";

export const summaryOf = (row: Row): Summary => ({
  id: row.id as string,
  queue: row.queue as string,
  stage: row.stage as string,
  reason: row.reason as string,
  detail: row.detail as string,
  diedAtMs: Number(row.died_at_ms),
  topic: row.topic as string,
  notificationId: row.notification_id as string,
  deliveryId: row.delivery_id as string,
  userId: row.user_id as string,
  channel: row.channel as Channel,
  cycle: Number(row.cycle),
});

export const standingOf = (row: Row): Standing => ({ state: row.state as State, settledAtMs: Number(row.settled_at_ms) });

export const letterOf = (row: Row): Letter => ({
  ...summaryOf(row),
  environment: row.environment as string,
  original: {
    key: row.record_key as string,
    value: row.record_value as Uint8Array,
    headers: JSON.parse(row.record_headers as string) as Record<string, string>,
  },
});
