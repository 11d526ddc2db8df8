/**
 * The history in SQLite. Not fsynced by itself: the stage's position is written after it in the same file, so what a power loss takes, the
 * log delivers again.
 */
import type { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { Database } from "#platform/sqlite/sqlite.ts";
import type { Sweepable } from "#platform/sweep.ts";
import { dayOf } from "./days.ts";
import type procedures from "./store.procedures.ts";
import type { PackedEvents } from "./store.procedures.ts";
import type { HistoryStore, RecordedEvent } from "./store.ts";

export async function sqliteHistoryStore(database: Database): Promise<HistoryStore & Sweepable> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));
  return {
    async record(events) {
      if (events.length === 0) return;
      const packed = pack(events);
      const { bytes, ends, about, counts, countEnds } = packed;
      await calls.record(packed, { transfer: [bytes.buffer, ends.buffer, about.buffer, counts.buffer, countEnds.buffer] });
    },
    async eventsOf(environment, notificationIds) {
      const found: Uint8Array[][] = notificationIds.map(() => []);
      for (const row of reads.all("events", environment, JSON.stringify(notificationIds)))
        found[Number(row.place)]?.push(row.event as Uint8Array);
      return found;
    },
    async list({ environment, userId, fromMs, after, limit }) {
      const range = [fromMs, after.acceptedAtMs, after.notificationId, limit] as const;
      const rows =
        userId === undefined ? reads.all("list", environment, ...range) : reads.all("list-person", environment, userId, ...range);
      return rows.map((row) => ({ acceptedAtMs: Number(row.accepted_at_ms), notificationId: row.id as string }));
    },
    redact: (redactions) => calls.redact({ redactions }, { durable: true }),
    async stats({ environment, fromDay, toDay }) {
      return reads.all("stats", environment, fromDay, toDay).map((row) => ({
        ...{
          day: Number(row.day),
          channel: Number(row.channel) as Channel,
          status: Number(row.status) as DeliveryStatus,
          count: Number(row.amount),
        },
      }));
    },
    sweep: (beforeMs, limit) => calls.sweep({ beforeMs, limit }),
  };
}

function pack(events: readonly RecordedEvent[]): PackedEvents {
  const places = new Map<string, number>();
  const environments: string[] = [];
  const notificationIds: string[] = [];
  const acceptedAtMs: number[] = [];
  const sendAtMs: number[] = [];
  const people: (string | null)[] = [];
  const about = new Uint32Array(events.length);
  const ends = new Uint32Array(events.length);
  const bytes = new Uint8Array(events.reduce((size, { event }) => size + event.length, 0));
  const counts: number[] = [];
  const countEnds = new Uint32Array(events.length);
  let end = 0;
  for (const [index, { environment, notificationId, atMs, event, counted = [], asked }] of events.entries()) {
    const key = `${environment}\u001f${notificationId}`;
    let place = places.get(key);
    if (place === undefined) {
      place = environments.push(environment) - 1;
      places.set(key, place);
      notificationIds.push(notificationId);
      acceptedAtMs.push(atMs);
      sendAtMs.push(0);
      people.push(null);
    }
    if (asked && people[place] === null) {
      acceptedAtMs[place] = asked.acceptedAtMs;
      sendAtMs[place] = asked.sendAtMs;
      people[place] = JSON.stringify(asked.userIds);
    }
    about[index] = place;
    bytes.set(event, end);
    end += event.length;
    ends[index] = end;
    for (const { channel, status } of counted) counts.push(dayOf(atMs), channel, status);
    countEnds[index] = counts.length;
  }
  const eventIds = events.map(({ eventId }) => eventId);
  const known = { environments, notificationIds, acceptedAtMs, sendAtMs, people };
  return { ...known, about, eventIds, ends, bytes, counts: Float64Array.from(counts), countEnds };
}
