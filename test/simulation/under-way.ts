/** Which notifications are under way: what the ledger knows of those is needed still, and what it knows of others is not. */
import { fromBinary } from "@bufbuild/protobuf";
import * as topics from "#domain/topics.ts";
import { NotificationStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type DeliveryEvent, type Scheduled, ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { EventLog } from "#platform/log/log.ts";
import type { Wait } from "../../services/scheduler/store.ts";
import { historyOf } from "../../services/tracker/history.ts";
import { notificationOf } from "../../services/tracker/notification.ts";
import type { Positions } from "./positions.ts";
import type { Process } from "./process.ts";
import type { Sends } from "./sends.ts";

interface Needs {
  readonly log: EventLog;
  readonly positions: Positions;
  readonly events: ReadonlyMap<string, readonly DeliveryEvent[]>;
  readonly sends: Sends;
  /** In the schedule. */
  readonly waits: readonly Wait[];
  readonly processes: ReadonlySet<Process>;
  readonly nowMs: number;
}

/** A call that was told to have failed may still arrive for so long. */
const LATE_MS = 10_000;

export async function underWay({ log, positions, events, sends, waits, processes, nowMs }: Needs): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const add = (topic: topics.Topic | undefined, value: Uint8Array) => {
    const id = topic && notificationIn(topic, value);
    if (id !== undefined) found.add(id);
  };
  for (const [id, its] of events) if (notificationOf(historyOf(id, its)).status === NotificationStatus.PROCESSING) found.add(id);
  // Who stands still has what was given to them before, whoever has it by now.
  if ([...processes].some((each) => each.isAlive && each.isStalled)) for (const id of events.keys()) found.add(id);
  for (const { process, records } of positions.open) if (process.isAlive) for (const { topic, value } of records) add(topic, value);
  for (const { topic, value } of waits) add(topics.topicNamed(topic), value);
  for (const [group, read] of positions.groups) {
    if (group === "tracker" || group === "deadletters") continue;
    for (const topic of read)
      for (let partition = 0; partition < topic.partitions; partition++) {
        const from = positions.passed(group, topic, partition);
        for (const { value } of await log.read(topic, partition, from, Number.POSITIVE_INFINITY)) add(topic, value);
      }
  }
  for (const { lease, beganMs } of sends.begun) if (lease && nowMs - beganMs < LATE_MS) found.add(lease.of.notificationId);
  return found;
}

/** Undefined for what nobody can read. */
function notificationIn(topic: topics.Topic, value: Uint8Array): string | undefined {
  try {
    const message = fromBinary(topic.schema, value) as { readonly notificationId?: string };
    if (topic.schema !== ScheduledSchema) return message.notificationId;
    const { topic: name, value: inner } = message as Scheduled;
    const target = topics.topicNamed(name);
    return target && notificationIn(target, inner);
  } catch {
    return undefined;
  }
}
