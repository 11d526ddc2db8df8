/** The history, in the writer thread. */
import type { Row, Sql } from "#platform/sqlite/sqlite.ts";
import type { Redaction } from "./store.ts";

/** A batch of events, in columns: what crosses the threads is a few arrays instead of thousands of objects. */
export interface PackedEvents {
  /** Each notification of the batch once. */
  readonly environments: readonly string[];
  readonly notificationIds: readonly string[];
  readonly acceptedAtMs: readonly number[];
  readonly sendAtMs: readonly number[];
  /** User ids as JSON where the batch holds the event with the request. */
  readonly people: readonly (string | null)[];
  /** Each event: which of the notifications, its id, and where its bytes end. */
  readonly about: Uint32Array<ArrayBuffer>;
  readonly eventIds: readonly string[];
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What is counted: day, channel and status, and of each event where its own end. */
  readonly counts: Float64Array<ArrayBuffer>;
  readonly countEnds: Uint32Array<ArrayBuffer>;
}

const COUNT_WIDTH = 3;

export default {
  record(sql: Sql, packed: PackedEvents): void {
    const numbers = packed.notificationIds.map((_, place) => meet(sql, packed, place));
    const tally = new Map<string, number>();
    let start = 0;
    let firstCount = 0;
    for (const [place, eventId] of packed.eventIds.entries()) {
      const about = packed.about[place] as number;
      const end = packed.ends[place] as number;
      const endCount = packed.countEnds[place] as number;
      if (sql.run("add-event", numbers[about] as number, eventId, packed.bytes.subarray(start, end)).changes > 0)
        for (let at = firstCount; at < endCount; at += COUNT_WIDTH) {
          const key = JSON.stringify([packed.environments[about], ...packed.counts.subarray(at, at + COUNT_WIDTH)]);
          tally.set(key, (tally.get(key) ?? 0) + 1);
        }
      start = end;
      firstCount = endCount;
    }
    for (const [key, amount] of tally) {
      const [environment, day, channel, status] = JSON.parse(key) as [string, number, number, number];
      sql.run("count", environment, day, channel, status, amount);
    }
  },

  redact(sql: Sql, { redactions }: { redactions: readonly Redaction[] }): void {
    for (const { environment, notificationId, userId, others, isEmpty, gone, rewritten } of redactions) {
      const n = sql.get("find", environment, notificationId)?.n as number | undefined;
      if (n === undefined) continue;
      for (const eventId of gone) sql.run("forget-event", n, eventId);
      for (const { eventId, event } of rewritten) sql.run("rewrite-event", n, eventId, event);
      sql.run("forget-person", environment, userId, notificationId);
      if (isEmpty) sql.run("forget-notification", n);
      else sql.run("rewrite-people", n, JSON.stringify(others));
    }
  },

  sweep(sql: Sql, { beforeMs, limit }: { beforeMs: number; limit: number }): number {
    let gone = 0;
    for (const { environment } of sql.all("environments")) {
      for (const old of sql.all("oldest", environment as string, beforeMs, limit)) {
        gone += sql.run("forget-events", old.n as number, limit - gone).changes;
        if (gone >= limit) return gone;
        gone += forget(sql, environment as string, old);
        if (gone >= limit) return gone;
      }
    }
    return gone;
  },
};

/** The number of a notification, which is made known if it is not. */
function meet(sql: Sql, { environments, notificationIds, acceptedAtMs, sendAtMs, people }: PackedEvents, place: number): number {
  const environment = environments[place] as string;
  const id = notificationIds[place] as string;
  const atMs = acceptedAtMs[place] as number;
  const dueMs = sendAtMs[place] as number;
  const asked = people[place] ?? null;
  const known = sql.get("find", environment, id);
  const n = (known ?? (sql.get("meet", environment, id, atMs, dueMs, asked) as Row)).n as number;
  if (asked === null || known?.asked === 1) return n;
  if (known) sql.run("ask", n, atMs, dueMs, asked);
  for (const userId of JSON.parse(asked) as string[]) sql.run("add-person", environment, userId, atMs, id);
  return n;
}

/** The notification itself, once its events are gone. */
function forget(sql: Sql, environment: string, { n, id, accepted_at_ms, people }: Row): number {
  const listed =
    people === null ? 0 : sql.run("forget-people", environment, people as string, accepted_at_ms as number, id as string).changes;
  return listed + sql.run("forget-notification", n as number).changes;
}
