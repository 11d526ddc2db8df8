/**
 * The task that empties the schedule store: appends what is due to its target topic, then removes it.
 *
 * Killed between the two, it appends the same record again after the next start: the ledger drops the repeat, since its attempt and wait
 * are not newer than what it knows. Removing first would lose records instead.
 *
 * However many are due, they go a page at a time, each appended durably before the next is read. Several schedulers share them: the
 * store answers a wait to one of them.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { schedule, topicNamed } from "#domain/topics.ts";
import { ScheduledSchema } from "#gen/carillon/event/v1/event_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Task } from "#platform/host.ts";
import type { EventLog, Output } from "#platform/log/log.ts";
import { type Alarm, SLEEP_MOST_MS } from "./stage.ts";
import type { ScheduleStore, Wait } from "./store.ts";

/** Waits appended at once, at most. */
const PAGE = 250;

export function dueTask({ log, clock, store }: { log: EventLog; clock: Clock; store: ScheduleStore }): Task & Alarm {
  /** Until when the task sleeps, and what ends its sleep. */
  let sleepingUntilMs = Number.NEGATIVE_INFINITY;
  let wake = new AbortController();

  return {
    name: "schedule-due",
    stored(dueAtMs) {
      if (dueAtMs < sleepingUntilMs) wake.abort();
    },
    async run(signal) {
      signal.addEventListener("abort", () => wake.abort(), { once: true });
      while (!signal.aborted) {
        // Armed before the store is read: what is stored from here on is either seen below or ends the sleep.
        wake = new AbortController();
        sleepingUntilMs = Number.POSITIVE_INFINITY;
        const askedMs = clock.nowMs();
        const nextMs = (await store.nextDueMs()) ?? Number.POSITIVE_INFINITY;
        if (nextMs <= askedMs) {
          const due = await store.due(askedMs, PAGE);
          if (due.length > 0) {
            await log.append(due.map(outputOf));
            await store.remove(due.map(({ id }) => id));
            continue;
          }
        }
        const nowMs = clock.nowMs();
        // What was due and yet not answered is another scheduler's: looking again at once would only be in its way.
        sleepingUntilMs = Math.min(nextMs > askedMs ? nextMs : Number.POSITIVE_INFINITY, nowMs + SLEEP_MOST_MS);
        if (!signal.aborted) await clock.sleep(Math.max(0, sleepingUntilMs - nowMs), wake.signal);
      }
    },
  };
}

/** A target that this version does not know goes round by the topic `schedule`, whose stage buries it with its original. */
function outputOf({ id, dueAtMs, topic, key, value, trace }: Wait): Output {
  const headers = trace === "" ? {} : { traceparent: trace };
  const target = topicNamed(topic);
  if (target) return { topic: target, key, value, headers };
  const original = create(ScheduledSchema, { id, dueAtMs: BigInt(dueAtMs), topic, key, value });
  return { topic: schedule, key, value: toBinary(ScheduledSchema, original), headers };
}
