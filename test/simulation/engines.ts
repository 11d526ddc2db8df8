/** What outlives the processes of a simulated run, watched from outside, and the ports that a process has of it. */
import { create } from "@bufbuild/protobuf";
import type { Registry } from "prom-client";
import { Problem } from "#domain/errors.ts";
import * as topics from "#domain/topics.ts";
import type { DeliveryEvent } from "#gen/carillon/event/v1/event_pb.ts";
import { PersonPreferencesSchema, PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { memoryLog } from "#platform/log/log.memory.ts";
import type { EventLog } from "#platform/log/log.ts";
import { memoryInboxStore } from "../../services/inbox/store.memory.ts";
import { memorySchedule } from "../../services/scheduler/store.memory.ts";
import { historyOf } from "../../services/tracker/history.ts";
import { notificationOf } from "../../services/tracker/notification.ts";
import { initialPreferences, ONCE } from "./load.ts";
import { type Broker, brokerOf } from "./log.ts";
import { Positions } from "./positions.ts";
import { Process } from "./process.ts";
import { senderOf, type Temper } from "./provider.ts";
import { randomOf } from "./random.ts";
import type { Ports } from "./rooms.ts";
import { type Report, Sends } from "./sends.ts";
import type { Timeline } from "./timeline.ts";
import { eventsIn } from "./verdict.ts";
import { type Weather, Wire } from "./wire.ts";

/** What is broken on purpose, to see that it is found. */
export interface Mutant {
  readonly ledger?: (ledger: Ledger) => Ledger;
  readonly log?: (log: EventLog) => EventLog;
}

export interface EnginesNeeds {
  readonly seed: number;
  readonly timeline: Timeline;
  readonly weather: Weather;
  readonly temper: Temper;
  readonly isAtomic: boolean;
  readonly mutant: Mutant;
  readonly metrics: Registry;
  readonly report: Report;
  readonly expiresAtMs: (notificationId: string) => number;
}

export function enginesOf({ seed, timeline, weather, temper, isAtomic, mutant, metrics, report, expiresAtMs }: EnginesNeeds) {
  const wire = new Wire({ timeline, random: randomOf(seed, "wire"), weather });
  const { clock } = new Process("engines", timeline);
  const sends = new Sends({ timeline, report, expiresAtMs });
  /** By notification, as the tracker would have them at once. */
  const events = new Map<string, DeliveryEvent[]>();
  let appendedMs = timeline.nowMs;
  const positions = new Positions(report, (outputs) => {
    appendedMs = timeline.nowMs;
    for (const event of eventsIn(outputs)) events.set(event.notificationId, [...(events.get(event.notificationId) ?? []), event]);
  });
  const log = memoryLog({ topics: topics.all, clock });
  const watched = positions.watched(log);
  const broker: Broker = brokerOf({ timeline, log: mutant.log?.(watched) ?? watched, random: randomOf(seed, "broker"), wire, isAtomic });
  const memory = memoryLedger({ clock });
  const ledger = sends.watched(mutant.ledger?.(memory) ?? memory);
  const schedule = memorySchedule();
  const inbox = memoryInboxStore();
  const preferences = initialPreferences();
  const answers = {
    batchGetPreferences: async ({ userIds }: { userIds: readonly string[] }) => ({
      people: userIds.map((userId) => create(PersonPreferencesSchema, preferences.get(userId) ?? {})),
      suppressions: [],
      categories: [{ name: ONCE, atMostOnce: true }],
    }),
    async getNotification({ notificationId }: { notificationId: string }) {
      const known = events.get(notificationId);
      if (!known) throw new Problem("NOT_FOUND");
      return { notification: notificationOf(historyOf(notificationId, known)) };
    },
  };
  const provider = {
    ...{ timeline, random: randomOf(seed, "provider"), temper },
    began: (deliveryId: string, by: Process) => sends.began(deliveryId, by),
    took: (handed: Parameters<Sends["took"]>[0]) => sends.took(handed),
  };

  const portsOf = (process: Process): Ports => {
    /** Each call of it goes over the wire. */
    const far = <P extends object>(name: string, port: P): P =>
      Object.fromEntries(
        Object.entries(port).map(([method, work]) => [
          method,
          (...given: unknown[]) =>
            wire.call(process, `${name}.${method}`, () => (work as (...given: unknown[]) => Promise<unknown>)(...given)),
        ]),
      ) as P;
    return {
      ...{ log: broker.logOf(process), clock: process.clock, worker: process.name, metrics, sender: senderOf(process, provider) },
      ...{ schedule: far("schedule", schedule(process.name)), inbox: far("inbox", inbox) },
      ledger: sends.heard(far("ledger", ledger), process),
      client: ((service: unknown) =>
        far(service === PreferencesService ? "preferences" : "tracker", answers)) as unknown as Ports["client"],
    };
  };

  /** What the engines have still to give to somebody; undefined: nothing, and nothing was written lately. */
  async function unfinished(quietMs: number): Promise<string | undefined> {
    for (const { process } of positions.open) if (process.isAlive) return `${process.name} is at work`;
    const dueAtMs = await schedule("nobody").nextDueMs();
    if (dueAtMs !== undefined) return `the schedule waits for ${dueAtMs - timeline.startMs}`;
    for (const [group, read] of positions.groups) {
      const lag = await log.lag(group, read);
      if (lag > 0) return `${group} is ${lag} behind`;
    }
    return timeline.nowMs - appendedMs < quietMs ? "the log is written to" : undefined;
  }

  return { log, broker, sends, positions, inbox, events, preferences, portsOf, unfinished };
}
