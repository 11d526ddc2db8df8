/**
 * The stats in Cassandra, without counters: what is counted are sets, by the hour, and a repeat is in its set already.
 *
 * Whoever adds to an hour says so, in the hours touched today; whoever counts looks there and counts each hour again until it did so well
 * after the last touch. So what was counted last is right, whichever process wrote it; the sums of the days are made anew with every round.
 */
import type { Channel, DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import type { Cql, Row } from "#platform/cassandra/cassandra.ts";
import { Partitions } from "#platform/cassandra/partitions.ts";
import { partitionOf } from "#platform/log/partition.ts";
import { DAY_MS, dayOf, HOUR_MS } from "./days.ts";
import { Recently } from "./recently.ts";
import type { HistoryNeeds } from "./store.cassandra.ts";
import type { DayCount, Days, RecordedEvent } from "./store.ts";

const BUCKETS = 8;
const TOUCHED_FOR_MS = 30_000;
/** A touch speaks for what is written until the next one; the rest is for writes that take long, and for clocks that differ. */
const SETTLED_AFTER_MS = TOUCHED_FOR_MS + 60_000;
const TOUCHES_KEPT_SECONDS = (3 * DAY_MS) / 1_000;

/** One channel's hour of one environment. */
interface Hour {
  readonly environment: string;
  readonly hour: bigint;
  readonly channel: number;
}

const keyOf = ({ environment, hour, channel }: Hour): string => `${environment}\u001f${hour}\u001f${channel}`;
const dayOfHour = (hour: bigint): bigint => BigInt(dayOf(Number(hour) * HOUR_MS));
const yearOf = (day: number): number => new Date(day * DAY_MS).getUTCFullYear();

export function counts(cql: Cql, { clock, keptMs }: HistoryNeeds) {
  const touched = new Recently({ clock, forMs: TOUCHED_FOR_MS });
  // Longer than the hour may still be counted: half a set would be taken for the whole.
  const setTtl = Math.ceil((keptMs + 3 * DAY_MS) / 1_000);

  /** Adds what is to be written; what it answers is called when it has been. */
  function count(events: readonly RecordedEvent[], written: Partitions): () => void {
    const nowMs = clock.nowMs();
    const hours = new Map<string, Hour>();
    for (const { environment, atMs, counted = [] } of events) {
      if (atMs < nowMs - keptMs || atMs > nowMs + DAY_MS) continue;
      for (const { id, channel, status } of counted) {
        const each: Hour = { environment, hour: BigInt(Math.floor(atMs / HOUR_MS)), channel };
        hours.set(keyOf(each), each);
        const set = [environment, each.hour, channel, partitionOf(id, BUCKETS)];
        written.add("events_by_hour", set, { name: "add-to-set", params: [...set, status, id, setTtl] });
      }
    }
    const told = [...hours].filter(([key]) => !touched.has(key));
    const day = BigInt(dayOf(nowMs));
    for (const [, { environment, hour, channel }] of told) {
      const params = [day, environment, hour, channel, BigInt(nowMs), TOUCHES_KEPT_SECONDS];
      written.add("touched_hours", [day], { name: "touch", params });
    }
    return () => {
      for (const [key] of told) touched.add(key);
    };
  }

  async function recount(): Promise<void> {
    const today = dayOf(clock.nowMs());
    const rows = [...(await cql.read("touched", [BigInt(today - 1)])), ...(await cql.read("touched", [BigInt(today)]))];
    const lately = rows.map((row) => ({ ...hourOf(row), touchedAtMs: Number(row.touched_at_ms) }));
    const days = Map.groupBy(lately, ({ environment, hour }) => `${environment}\u001f${dayOfHour(hour)}`);
    for (const [first, ...more] of days.values()) if (first) await recountDay([first, ...more], first);
  }

  /** Counts those hours of a day that have been touched since they were counted, then sums up the day. */
  async function recountDay(all: readonly (Hour & { readonly touchedAtMs: number })[], { environment, hour: first }: Hour): Promise<void> {
    const day = dayOfHour(first);
    const known = await cql.read("hourly", [environment, day]);
    const countedAtMs = new Map(known.map((row) => [keyOf(hourOf({ ...row, environment })), Number(row.counted_at_ms)]));
    const stale = all.filter((each) => (countedAtMs.get(keyOf(each)) ?? 0) <= each.touchedAtMs + SETTLED_AFTER_MS);
    // One after the other: nobody waits for it, and others want their turn.
    for (const each of new Map(stale.map((each) => [keyOf(each), each])).values()) await recountHour(each, day);

    const sums = new Map<string, { readonly channel: number; readonly status: number; amount: bigint }>();
    for (const { channel, status, amount } of await cql.read("hourly", [environment, day])) {
      const sum = sums.get(`${channel} ${status}`) ?? { channel: channel as number, status: status as number, amount: 0n };
      sum.amount += amount as bigint;
      sums.set(`${channel} ${status}`, sum);
    }
    const daily = new Partitions();
    for (const { channel, status, amount } of sums.values())
      daily.add("daily", [environment, yearOf(Number(day))], {
        ...{ name: "put-daily", params: [environment, yearOf(Number(day)), day, channel, status, amount] },
      });
    await daily.write(cql);
  }

  async function recountHour({ environment, hour, channel }: Hour, day: bigint): Promise<void> {
    const countedAtMs = BigInt(clock.nowMs());
    const sizes = new Map<number, bigint>();
    for (let bucket = 0; bucket < BUCKETS; bucket++)
      for (const { status, amount } of await cql.read("size", [environment, hour, channel, bucket]))
        sizes.set(status as number, (sizes.get(status as number) ?? 0n) + (amount as bigint));
    const hourly = new Partitions();
    for (const [status, amount] of sizes)
      hourly.add("hourly", [environment, day], {
        ...{ name: "put-hourly", params: [environment, day, hour, channel, status, amount, countedAtMs] },
      });
    await hourly.write(cql);
  }

  async function stats({ environment, fromDay, toDay }: Days): Promise<DayCount[]> {
    const years = Array.from({ length: yearOf(toDay) - yearOf(fromDay) + 1 }, (_, nth) => yearOf(fromDay) + nth);
    const rows = await Promise.all(years.map((year) => cql.read("daily", [environment, year, BigInt(fromDay), BigInt(toDay)])));
    return rows.flat().map(({ day, channel, status, amount }) => ({
      ...{ day: Number(day), channel: channel as Channel, status: status as DeliveryStatus, count: Number(amount) },
    }));
  }

  return { count, stats, recount };
}

const hourOf = ({ environment, hour, channel }: Row): Hour => ({
  ...{ environment: environment as string, hour: hour as bigint, channel: channel as number },
});
