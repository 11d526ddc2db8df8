/** What a row says of a dead letter, or of a replay, whichever database it comes from; and what goes into one. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Channel, WaySchema } from "#gen/carillon/common/v1/common_pb.ts";
import type { Row } from "#platform/sql/row.ts";
import type { Asked, OpenReplay, Progress, Replay, ReplayState } from "./replays.ts";
import type { Found, Letter, Standing, State, Summary } from "./store.ts";

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
  writtenAtMs: Number(row.written_at_ms),
  way: row.way === null ? undefined : fromBinary(WaySchema, row.way as Uint8Array),
});

export const wayBytes = ({ way }: Letter): Uint8Array | null => (way ? toBinary(WaySchema, way) : null);

export const foundOf = (row: Row): Found => ({ atMs: Number(row.died_at_ms), id: row.id as string, bytes: Number(row.bytes) });

export const replayOf = (row: Row): Replay => ({
  environment: row.environment as string,
  id: row.id as string,
  createdAtMs: Number(row.created_at_ms),
  asked: JSON.parse(row.asked as string) as Asked,
  state: row.state as ReplayState,
  progress: JSON.parse(row.progress as string) as Progress,
  endedAtMs: Number(row.ended_at_ms),
});

export const openReplayOf = (row: Row): OpenReplay => ({
  ...replayOf(row),
  holder: row.holder as string,
  heldUntilMs: Number(row.held_until_ms),
});

/** For the statement create-replay. */
export const createdRow = ({ environment, id, createdAtMs, asked, state, progress, endedAtMs }: Replay) =>
  [environment, id, createdAtMs, JSON.stringify(asked), state, JSON.stringify(progress), endedAtMs, "", 0] as const;

/** For the statement change-replay. */
export const changedRow = ({ environment, id, state, progress, endedAtMs, holder, heldUntilMs }: OpenReplay) =>
  [state, JSON.stringify(progress), endedAtMs, holder, heldUntilMs, environment, id] as const;
