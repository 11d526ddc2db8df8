/** Dead letters and their replays, in the writer thread. */
import type { Sql } from "#platform/sqlite/sqlite.ts";
import { advanced, nextOf, OPEN_AT_MOST, type OpenReplay, type Replay, type Stretch } from "./replays.ts";
import { changedRow, createdRow, openReplayOf, replayOf } from "./store.rows.ts";
import type { Letter } from "./store.ts";

interface Settling {
  readonly environment: string;
  readonly ids: readonly string[];
  readonly state: string;
  readonly nowMs: number;
}

/** Its way as bytes. */
interface Kept extends Omit<Letter, "way"> {
  readonly way: Uint8Array | null;
}

type Whose = Pick<Replay, "environment" | "id">;

interface Advance extends Whose {
  readonly holder: string;
  readonly stretch: Stretch;
  /** What its dead letters become. */
  readonly as: "replayed" | "discarded";
}

const settle = (sql: Sql, { environment, ids, state, nowMs }: Settling): string[] =>
  ids.filter((id) => sql.run("settle", environment, id, state, nowMs).changes > 0);

export default {
  keep(sql: Sql, { letters }: { letters: readonly Kept[] }): void {
    for (const { environment, id, queue, stage, reason, detail, diedAtMs, topic, original, ...about } of letters) {
      const { notificationId, deliveryId, userId, channel, cycle, writtenAtMs, way } = about;
      const who = [notificationId, deliveryId, userId, channel, cycle] as const;
      const { key, value, headers } = original;
      const record = [key, value, JSON.stringify(headers), writtenAtMs, way] as const;
      sql.run("keep", environment, id, queue, stage, reason, detail, diedAtMs, topic, ...who, ...record);
    }
  },

  settle,

  sweep: (sql: Sql, { beforeMs, limit }: { beforeMs: number; limit: number }): number => sql.run("sweep", beforeMs, limit).changes,

  createReplay(sql: Sql, { replay }: { replay: Replay }): Replay | undefined {
    const known = sql.get("replay", replay.environment, replay.id);
    if (known) return replayOf(known);
    if (Number(sql.get("count-open-replays", replay.environment)?.open) >= OPEN_AT_MOST) return undefined;
    sql.run("create-replay", ...createdRow(replay));
    return replay;
  },

  cancelReplay(sql: Sql, { environment, id, nowMs }: Whose & { nowMs: number }): Replay | undefined {
    sql.run("cancel-replay", environment, id, nowMs);
    const row = sql.get("replay", environment, id);
    return row && replayOf(row);
  },

  takeReplay(sql: Sql, { holder, nowMs, heldUntilMs }: { holder: string; nowMs: number; heldUntilMs: number }): Replay | undefined {
    const next = nextOf(sql.all("open-replays").map(openReplayOf), nowMs);
    if (!next) return undefined;
    const taken: OpenReplay = { ...next, state: "running", holder, heldUntilMs };
    sql.run("change-replay", ...changedRow(taken));
    return taken;
  },

  advanceReplay(sql: Sql, { environment, id, holder, stretch, as }: Advance): Replay | undefined {
    const { settles: ids, nowMs } = stretch;
    const settled = settle(sql, { environment, ids, state: as, nowMs });
    const row = sql.get("replay", environment, id);
    const next = row && advanced(openReplayOf(row), holder, stretch, settled.length);
    if (next) sql.run("change-replay", ...changedRow(next));
    return next;
  },

  sweepReplays: (sql: Sql, { beforeMs, limit }: { beforeMs: number; limit: number }): number =>
    sql.run("sweep-replays", beforeMs, limit).changes,
};
