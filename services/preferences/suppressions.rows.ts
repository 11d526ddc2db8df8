/** What a row says of an entry of the suppression list, whichever database it comes from. */
import type { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import type { SuppressionReason } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import type { Row } from "#platform/sql/row.ts";
import type { Entry } from "./suppressions.ts";

export const entryOf = (row: Row): Entry => ({
  whom: row.whom as string,
  userId: row.user_id as string,
  channel: Number(row.channel) as Channel,
  address: row.address as string,
  reason: Number(row.reason) as SuppressionReason,
  atMs: Number(row.at_ms),
});
