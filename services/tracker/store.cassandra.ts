/**
 * The history in Cassandra: events by notification, then the lists that lead to them. Each row ends by itself, `keptMs` after it was
 * written; the request of what is to be sent later that long after its sendAtMs, with its places in the lists.
 *
 * A row is written whole under a key that a repeat has too, so nothing is read before.
 */
import { MAX_SEND_AT_MS } from "#domain/bounds.ts";
import type { Asked, Cassandra } from "#platform/cassandra/cassandra.ts";
import { Partitions } from "#platform/cassandra/partitions.ts";
import type { Clock } from "#platform/clock.ts";
import { counts } from "./counts.cassandra.ts";
import { listings } from "./listings.cassandra.ts";
import type { HistoryStore, RecordedEvent } from "./store.ts";

/** Of one partition, in one request. */
const ROWS_AT_ONCE = 100;

export interface HistoryNeeds {
  readonly clock: Clock;
  /** At most 10 years. */
  readonly keptMs: number;
}

export async function cassandraHistoryStore(cassandra: Cassandra, { clock, keptMs }: HistoryNeeds): Promise<HistoryStore> {
  const cql = await cassandra.cql(new URL("./store.cql", import.meta.url));
  const lists = listings(cql, { clock, keptMs });
  const { count, stats, recount } = counts(cql, { clock, keptMs });

  /** In seconds. */
  const ttlOf = ({ asked }: RecordedEvent, nowMs: number): number =>
    Math.ceil((keptMs + Math.min(Math.max((asked?.sendAtMs ?? 0) - nowMs, 0), MAX_SEND_AT_MS)) / 1_000);

  return {
    async record(events) {
      const nowMs = clock.nowMs();
      const written = new Partitions();
      for (const each of events) {
        const { environment, notificationId, eventId, event } = each;
        const params = [environment, notificationId, eventId, event, ttlOf(each, nowMs)];
        written.add("notification_status", [environment, notificationId], { name: "add-event", params });
      }
      const counted = count(events, written);
      await written.write(cql);
      counted();
      // What is listed is there to be read.
      await lists.add(events.flatMap((each) => (each.asked ? [{ ...each, asked: each.asked, ttl: ttlOf(each, nowMs) }] : [])));
    },

    eventsOf: (environment, notificationIds) =>
      Promise.all(
        notificationIds.map(async (id) => {
          const rows = await cql.read("events", [environment, id]);
          return rows.map(({ event }) => event as Uint8Array);
        }),
      ),

    async redact(redactions) {
      for (const redaction of redactions) {
        const { environment, notificationId, gone, rewritten } = redaction;
        const partition = [environment, notificationId];
        const writes = gone.map((eventId): Asked => ({ name: "forget-event", params: [...partition, eventId] }));
        for (const { eventId, event } of rewritten) {
          const [row] = await cql.read("ttl-of", [...partition, eventId]);
          // What stands in its place ends when it would have ended.
          if (row) writes.push({ name: "add-event", params: [...partition, eventId, event, (row.ttl ?? 0) as number] });
        }
        for (let from = 0; from < writes.length; from += ROWS_AT_ONCE) await cql.write(writes.slice(from, from + ROWS_AT_ONCE));
        // Last: until then it is found again by whoever goes on.
        await lists.remove(redaction);
      }
    },

    list: lists.list,
    stats,
    recount,
  };
}
