/**
 * The event log inside one process, over a storage: partitions, groups, delivery and retention. memoryLog and sqliteLog are made of it.
 */

import type { Logger } from "pino";
import { Problem } from "#domain/errors.ts";
import { RETENTION_MS, type Topic } from "#domain/topics.ts";
import type { Clock } from "#platform/clock.ts";
import { Deliveries } from "./delivery.ts";
import { Group } from "./group.ts";
import type { EventLog, LogRecord, Output } from "./log.ts";
import { Places } from "./places.ts";
import { keepForgetting } from "./retention.ts";
import type { Storage } from "./storage.ts";
import { Writes } from "./writes.ts";

export interface LogNeeds {
  readonly topics: readonly Topic[];
  readonly clock: Clock;
  /** Records older than this are forgotten. Default: domain/topics RETENTION_MS. */
  readonly retentionMs?: number;
  /** Is told of records that are forgotten unread. Default: nobody is. */
  readonly logger?: Pick<Logger, "warn">;
}

export function embeddedLog(storage: Storage, { topics, clock, logger, retentionMs = RETENTION_MS }: LogNeeds): EventLog {
  const places = new Places(topics, storage);
  const writes = new Writes(places, storage, clock);
  const deliveries = new Deliveries();
  const core = { places, storage, writes, deliveries };
  const groups = new Map<string, Group>();
  const closing = new AbortController();
  const forgetting = keepForgetting({ storage, groups, clock, logger, retentionMs }, closing.signal);

  const groupNamed = (name: string): Group => {
    let group = groups.get(name);
    if (group === undefined) {
      group = new Group(name, core);
      groups.set(name, group);
    }
    return group;
  };
  const demandOpen = () => {
    if (closing.signal.aborted) throw new Problem("DRAINING");
  };

  return {
    isPublic: false,
    async append(outputs: readonly Output[]) {
      demandOpen();
      if (outputs.length > 0) await writes.add(outputs, [], true);
    },
    async join(group, read, member) {
      demandOpen();
      return groupNamed(group).join(read, member);
    },
    async lag(group, read) {
      return groupNamed(group).lag(read);
    },
    async bounds(topic, partition) {
      const { end } = places.at(topic, partition);
      return { start: Math.min(storage.bounds(topic, partition).start, end), end };
    },
    async read(topic, partition, from, limit) {
      const { end } = places.at(topic, partition);
      const records: LogRecord[] = [];
      for (let next = from; next < end && records.length < limit; ) {
        const more = storage.read(topic, partition, next, Math.min(limit - records.length, end - next), Number.POSITIVE_INFINITY);
        const last = more.at(-1);
        if (last === undefined) break;
        for (const record of more) if (record.offset < end) records.push(record);
        next = last.offset + 1;
      }
      return records;
    },
    async close() {
      closing.abort();
      deliveries.stop();
      await forgetting;
      await writes.quiet();
    },
  };
}
