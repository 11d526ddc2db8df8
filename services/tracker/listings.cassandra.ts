/**
 * The lists of notifications, newest first: all of an environment by hour and bucket, a person's by month.
 *
 * Beside each stands which hours (or months) have any, so that a year without notifications costs nothing to pass over. Those rows outlive
 * all that they lead to, and this process writes each of them once in half a day.
 */
import { MAX_SEND_AT_MS } from "#domain/bounds.ts";
import type { Cql, Row } from "#platform/cassandra/cassandra.ts";
import { Partitions } from "#platform/cassandra/partitions.ts";
import { partitionOf } from "#platform/log/partition.ts";
import { DAY_MS, HOUR_MS } from "./days.ts";
import { Recently } from "./recently.ts";
import type { HistoryNeeds } from "./store.cassandra.ts";
import type { Listing, Place, RecordedEvent, Redaction } from "./store.ts";

const BUCKETS = 16;
/** Of the rows that say which hours there are; more than one hour has. */
const HOURS_AT_ONCE = 32 * BUCKETS;
/** Partitions that are read together where hours have few notifications. */
const READS_AT_ONCE = 2 * BUCKETS;
const SAID_FOR_MS = DAY_MS / 2;
/** The last moment that a Date knows. */
const LAST_DATE_MS = 8.64e15;

interface Listed extends RecordedEvent {
  readonly asked: NonNullable<RecordedEvent["asked"]>;
  /** Seconds. */
  readonly ttl: number;
}

const hourOf = (ms: number): bigint => BigInt(Math.floor(ms / HOUR_MS));

function monthOf(ms: number): number {
  const date = new Date(Math.min(ms, LAST_DATE_MS));
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

const placeOf = ({ accepted_at_ms, notification_id }: Row): Place => ({
  ...{ acceptedAtMs: Number(accepted_at_ms), notificationId: notification_id as string },
});

const newestFirst = (a: Place, b: Place): number =>
  b.acceptedAtMs - a.acceptedAtMs || (a.notificationId < b.notificationId ? 1 : a.notificationId > b.notificationId ? -1 : 0);

export function listings(cql: Cql, { clock, keptMs }: HistoryNeeds) {
  const said = new Recently({ clock, forMs: SAID_FOR_MS });
  const saidTtl = Math.ceil((keptMs + MAX_SEND_AT_MS + DAY_MS) / 1_000);

  async function add(all: readonly Listed[]): Promise<void> {
    const written = new Partitions();
    const told = new Set<string>();
    /** That an hour or a month has notifications, unless it was said lately. */
    const tell = (table: string, partition: readonly string[], name: string, params: readonly (string | number | bigint)[]) => {
      const key = `${table}\u001f${params.join("\u001f")}`;
      if (said.has(key) || told.has(key)) return;
      told.add(key);
      written.add(table, partition, { name, params: [...params, saidTtl] });
    };
    for (const { environment, notificationId, asked, ttl } of all) {
      const { acceptedAtMs, userIds } = asked;
      const [hour, bucket, month] = [hourOf(acceptedAtMs), partitionOf(notificationId, BUCKETS), monthOf(acceptedAtMs)];
      const place = [BigInt(acceptedAtMs), notificationId, ttl];
      const list = [environment, hour, bucket];
      written.add("notifications_by_hour", list, { name: "add-to-hour", params: [...list, ...place] });
      tell("notification_hours", [environment], "add-hour", list);
      for (const userId of userIds) {
        const log = [environment, userId, month];
        written.add("notification_logs", log, { name: "add-to-log", params: [...log, ...place] });
        tell("notification_months", [environment, userId], "add-month", log);
      }
    }
    await written.write(cql);
    for (const key of told) said.add(key);
  }

  async function listAll({ environment, fromMs, after, limit }: Listing): Promise<Place[]> {
    const found: Place[] = [];
    const range = [BigInt(after.acceptedAtMs), after.notificationId, BigInt(fromMs), limit];
    for (let last: bigint | undefined = hourOf(after.acceptedAtMs); last !== undefined; ) {
      const rows = await cql.read("hours", [environment, last, hourOf(fromMs), HOURS_AT_ONCE]);
      const hours = [...Map.groupBy(rows, ({ hour }) => hour as bigint)];
      // The last of them may be cut off in its middle: it comes again.
      last = rows.length < HOURS_AT_ONCE ? undefined : hours.pop()?.[0];
      for (let at = 0; at < hours.length; ) {
        const together: Row[] = [];
        do together.push(...(hours[at++]?.[1] ?? []));
        while (at < hours.length && together.length < READS_AT_ONCE);
        const read = await Promise.all(
          together.map(({ hour, bucket }) => cql.read("list-hour", [environment, hour as bigint, bucket as number, ...range])),
        );
        found.push(...read.flat().map(placeOf).sort(newestFirst));
        if (found.length >= limit) return found.slice(0, limit);
      }
    }
    return found;
  }

  async function listOf(userId: string, { environment, fromMs, after, limit }: Listing): Promise<Place[]> {
    const found: Place[] = [];
    for (const { month } of await cql.read("months", [environment, userId, monthOf(after.acceptedAtMs), monthOf(fromMs)])) {
      const range = [BigInt(after.acceptedAtMs), after.notificationId, BigInt(fromMs), limit - found.length];
      found.push(...(await cql.read("list-month", [environment, userId, month as number, ...range])).map(placeOf));
      if (found.length >= limit) break;
    }
    return found;
  }

  async function remove({ environment, notificationId, userId, acceptedAtMs, isEmpty }: Redaction): Promise<void> {
    if (acceptedAtMs === undefined) return;
    const [hour, bucket, month] = [hourOf(acceptedAtMs), partitionOf(notificationId, BUCKETS), monthOf(acceptedAtMs)];
    const place = [BigInt(acceptedAtMs), notificationId];
    await cql.write([{ name: "forget-in-log", params: [environment, userId, month, ...place] }]);
    if (isEmpty) await cql.write([{ name: "forget-in-hour", params: [environment, hour, bucket, ...place] }]);
  }

  return {
    add,
    remove,
    list: (listing: Listing) => (listing.userId === undefined ? listAll(listing) : listOf(listing.userId, listing)),
  };
}
