/**
 * The scheduler's stages: everything delayed comes in by the topic `schedule`, and goes to its target when it is due.
 *
 * A wait of exactly a tier's length goes through that tier, first in, first out, which costs the store nothing; every other one goes into
 * the store. A value is forwarded as it came, under its own key.
 */
import * as topics from "#domain/topics.ts";
import { type Topic, topicNamed } from "#domain/topics.ts";
import type { Scheduled } from "#gen/carillon/event/v1/event_pb.ts";
import type { Clock } from "#platform/clock.ts";
import type { Output } from "#platform/log/log.ts";
import type { Received, Stage } from "#platform/stage/stage.ts";
import type { ScheduleStore, Wait } from "./store.ts";

type Tier = (typeof topics.tiers)[number];

/** How far a wait may be from a tier's length: between the asking clock and the log's. */
const TIER_TOLERANCE_MS = 250;
/** Sleeps are cut, so that a clock that was set forward is noticed. */
export const SLEEP_MOST_MS = 1_000;

/** What the scheduler needs of the task that empties the store. */
export interface Alarm {
  /** Something due at this time was stored. */
  stored(dueAtMs: number): void;
}

const onward = ({ value }: Received<Scheduled>, topic: Topic): Output => ({ topic, key: value.key, value: value.value });

export const scheduler = (needs: { clock: Clock; store: ScheduleStore; alarm: Alarm }): Stage<Scheduled> => ({
  name: "scheduler",
  reads: [topics.schedule],
  writes: topics.all,
  deadLetters: topics.deadSchedule,
  async handle(batch) {
    const nowMs = needs.clock.nowMs();
    const stored: Received<Scheduled>[] = [];
    for (const received of batch.records) {
      const { record, value } = received;
      const target = topicNamed(value.topic);
      const tier = tierOf(Number(value.dueAtMs) - record.timeMs);
      if (!target) batch.bury(received, "invalid", `topic: there is no ${JSON.stringify(value.topic)}`);
      else if (value.id === "") batch.bury(received, "invalid", "id: must be set");
      else if (Number(value.dueAtMs) <= nowMs) batch.done(received, onward(received, target));
      else if (tier) batch.done(received, { topic: tier.topic, key: value.key, value: record.value });
      else stored.push(received);
    }
    if (stored.length === 0) return;
    const waits = stored.map(waitOf);
    await needs.store.put(waits);
    for (const received of stored) batch.done(received);
    needs.alarm.stored(Math.min(...waits.map(({ dueAtMs }) => dueAtMs)));
  },
});

const tierOf = (lengthMs: number): Tier | undefined =>
  topics.tiers.find(({ delayMs }) => Math.abs(lengthMs - delayMs) <= TIER_TOLERANCE_MS);

const waitOf = ({ value, traceparent }: Received<Scheduled>): Wait => ({
  ...{ id: value.id, dueAtMs: Number(value.dueAtMs), topic: value.topic, key: value.key, value: value.value },
  trace: traceparent ?? "",
});

/**
 * Waits until each record is due. Batches wait side by side and each lane has room of its own in the window, so no record ever waits for
 * one that is due later. Nor for longer than the tier is, whatever the clock says: one that is set back an hour would make an hour of 5 s.
 */
export const tierStage = ({ topic, delayMs }: Tier, { clock }: { clock: Clock }): Stage<Scheduled> => ({
  name: `scheduler-${topic.name}`,
  reads: [topic],
  writes: topics.all,
  deadLetters: topics.deadSchedule,
  window: 1_000,
  concurrency: 1_000,
  async handle(batch) {
    let sleptMs = 0;
    const leftMs = (dueAtMs: number) => Math.min(dueAtMs - clock.nowMs(), delayMs + TIER_TOLERANCE_MS - sleptMs);
    const byDue = [...batch.records].sort((one, other) => Number(one.value.dueAtMs - other.value.dueAtMs));
    for (const received of byDue) {
      const target = topicNamed(received.value.topic);
      if (!target) {
        batch.bury(received, "invalid", `topic: there is no ${JSON.stringify(received.value.topic)}`);
        continue;
      }
      const dueAtMs = Number(received.value.dueAtMs);
      batch.waiting(dueAtMs);
      for (let left = leftMs(dueAtMs); left > 0; left = leftMs(dueAtMs)) {
        const sleepMs = Math.min(left, SLEEP_MOST_MS);
        await clock.sleep(sleepMs, batch.signal);
        if (batch.signal.aborted) return;
        sleptMs += sleepMs;
      }
      batch.done(received, onward(received, target));
    }
  },
});
