/**
 * The history in SQLite. Not fsynced by itself: the stage's position is written after it in the same file, so what a power loss takes, the
 * log delivers again.
 */
import type { Database } from "#platform/sqlite/sqlite.ts";
import type procedures from "./store.procedures.ts";
import type { PackedEvents } from "./store.procedures.ts";
import type { HistoryStore, RecordedEvent } from "./store.ts";

export async function sqliteHistoryStore(database: Database): Promise<HistoryStore> {
  const calls = await database.procedures<typeof procedures>(new URL("./store.procedures.ts", import.meta.url));
  const reads = database.reads(new URL("./store.sql", import.meta.url));
  return {
    async record(events) {
      if (events.length === 0) return;
      const packed = pack(events);
      await calls.record(packed, { transfer: [packed.bytes.buffer, packed.ends.buffer, packed.about.buffer] });
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
  let end = 0;
  for (const [index, { environment, notificationId, atMs, event, asked }] of events.entries()) {
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
  }
  const eventIds = events.map(({ eventId }) => eventId);
  return { environments, notificationIds, acceptedAtMs, sendAtMs, people, about, eventIds, ends, bytes };
}
