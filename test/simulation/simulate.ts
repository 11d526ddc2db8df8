/**
 * One simulated run: the real rooms over a log, a ledger and a schedule in memory that outlive them, under simulated time; what goes wrong
 * and in which order things happen follows from the seed. Ends at the first broken promise, or when everything is quiet and was kept.
 */
import { create } from "@bufbuild/protobuf";
import { Registry } from "prom-client";
import { Problem } from "#domain/errors.ts";
import * as topics from "#domain/topics.ts";
import type { DeliveryEvent } from "#gen/carillon/event/v1/event_pb.ts";
import { PersonPreferencesSchema, PreferencesService } from "#gen/carillon/preferences/v1/preferences_pb.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { memoryLog } from "#platform/log/log.memory.ts";
import type { EventLog } from "#platform/log/log.ts";
import { memoryInboxStore } from "../../services/inbox/store.memory.ts";
import { cancelling } from "../../services/ingest/cancel.ts";
import { memorySchedule } from "../../services/scheduler/store.memory.ts";
import type { ScheduleStore } from "../../services/scheduler/store.ts";
import { historyOf } from "../../services/tracker/history.ts";
import { notificationOf } from "../../services/tracker/notification.ts";
import { FAULTS_MS, type Fault, type Plan, planOf } from "./faults.ts";
import { Fleet } from "./fleet.ts";
import { type Asked, ENVIRONMENT, initialPreferences, loadOf } from "./load.ts";
import { brokerOf } from "./log.ts";
import { Positions } from "./positions.ts";
import { Process } from "./process.ts";
import { senderOf } from "./provider.ts";
import { randomOf } from "./random.ts";
import type { Ports } from "./rooms.ts";
import { Sends } from "./sends.ts";
import { Timeline } from "./timeline.ts";
import { eventsIn, recordsOf, verdict } from "./verdict.ts";
import { Wire } from "./wire.ts";

/** What is broken on purpose, to see that it is found. */
export interface Mutant {
  readonly ledger?: (ledger: Ledger) => Ledger;
  readonly log?: (log: EventLog) => EventLog;
}

export interface Run {
  readonly seed: number;
  readonly mutant?: Mutant;
  /** Given every line of the trace. */
  readonly tell?: (line: string) => void;
  /** Instead of the plan's. */
  readonly faults?: readonly Fault[];
}

export interface Ran {
  readonly seed: number;
  readonly plan: Plan;
  readonly broken: { readonly promise: string; readonly how: string } | undefined;
  /** Of everything that happened, in order, and of all that the log holds. */
  readonly digest: string;
  readonly acknowledged: number;
  readonly mails: number;
  readonly repeats: number;
  readonly happened: number;
  readonly simulatedMs: number;
}

/** A Tuesday, 22:13:20 UTC. */
const START_MS = 1_700_000_000_000;
const QUIET_WITHIN_MS = 30 * 60_000;
const LOOK_EVERY_MS = 2_000;

export async function simulate({ seed, mutant = {}, tell, faults }: Run): Promise<Ran> {
  const plan = planOf(randomOf(seed, "plan"));
  const timeline = new Timeline(START_MS, randomOf(seed, "order"), tell);
  const weather = { ...plan.weather };
  const temper = { trouble: plan.trouble };
  const wire = new Wire({ timeline, random: randomOf(seed, "wire"), weather });
  let broken: Ran["broken"];
  const report = (promise: string, how: string) => {
    broken ??= { promise, how };
  };

  // What outlives workers.
  const { clock } = new Process("engines", timeline);
  const { asked, changes } = loadOf(randomOf(seed, "load"), START_MS);
  const expiries = new Map(asked.map(({ notificationId, expiresAtMs }) => [notificationId, expiresAtMs]));
  const sends = new Sends({ timeline, report, expiresAtMs: (id) => expiries.get(id) as number });
  const events = new Map<string, DeliveryEvent[]>();
  let appendedMs = START_MS;
  const positions = new Positions(report, (outputs) => {
    appendedMs = timeline.nowMs;
    for (const event of eventsIn(outputs)) events.set(event.notificationId, [...(events.get(event.notificationId) ?? []), event]);
  });
  const kept = memoryLog({ topics: topics.all, clock });
  const watched = positions.watched(kept);
  const broker = brokerOf({
    timeline,
    log: mutant.log?.(watched) ?? watched,
    random: randomOf(seed, "broker"),
    wire,
    isAtomic: plan.isAtomic,
  });
  const memory = memoryLedger({ clock });
  const ledger = sends.watched(mutant.ledger?.(memory) ?? memory);
  const schedule = memorySchedule();
  const inbox = memoryInboxStore();
  const people = initialPreferences();

  const provider = randomOf(seed, "provider");
  const portsOf = (process: Process): Ports => ({
    ...{ log: broker.logOf(process), clock: process.clock, worker: process.name, metrics },
    ledger: sends.heard(called(wire, process, "ledger", ledger), process),
    schedule: called(wire, process, "schedule", schedule(process.name)) as ScheduleStore,
    inbox: called(wire, process, "inbox", inbox),
    client: ((service: unknown) => {
      const answers = {
        batchGetPreferences: async ({ userIds }: { userIds: readonly string[] }) => ({
          people: userIds.map((userId) => create(PersonPreferencesSchema, people.get(userId) ?? {})),
        }),
        getNotification: async ({ notificationId }: { notificationId: string }) => {
          const known = events.get(notificationId);
          if (!known) throw new Problem("NOT_FOUND");
          return { notification: notificationOf(historyOf(notificationId, known)) };
        },
      };
      return called(wire, process, service === PreferencesService ? "preferences" : "tracker", answers);
    }) as unknown as Ports["client"],
    sender: senderOf(process, {
      ...{ timeline, random: provider, temper },
      began: (deliveryId, by) => sends.began(deliveryId, by),
      took: (handed) => sends.took(handed),
    }),
  });
  const metrics = new Registry();
  const fleet = new Fleet(plan.form, {
    ...{ timeline, broker, metrics, sessionMs: plan.sessionMs, portsOf },
    watched: (stage, process) => positions.stage(stage, process),
    died: (process) => sends.died(process),
  });

  // What happens.
  const client = new Process("client", timeline);
  const ports = portsOf(client);
  const acknowledged = new Set<string>();
  const cancel = cancelling(ports);
  const until = async (work: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      try {
        await work();
        return;
      } catch {
        await client.clock.sleep(500);
      }
    }
  };
  const ask = ({ notificationId, record }: Asked) => until(() => ports.log.append([record])).then(() => acknowledged.add(notificationId));
  for (const each of asked) {
    client.after(each.atMs - START_MS, `asks for ${each.notificationId}`, () => void ask(each));
    if (each.cancelAtMs === undefined) continue;
    const canceled = () => void until(() => cancel(ENVIRONMENT, each.notificationId));
    client.after(each.cancelAtMs - START_MS, `cancels ${each.notificationId}`, canceled);
  }
  for (const { atMs, userId, preferences } of changes)
    client.after(atMs - START_MS, `${userId} changes preferences`, () => people.set(userId, preferences));
  for (const fault of faults ?? plan.faults) timeline.after(fault.atMs, `fault: ${fault.is}`, () => fleet.befall(fault));
  timeline.after(FAULTS_MS, "healed", () => {
    Object.assign(weather, { losses: 0 });
    temper.trouble = 0;
    fleet.heal();
  });

  /** What there is still to do; undefined: nothing. */
  const unfinished = async (): Promise<string | undefined> => {
    if (acknowledged.size < asked.length) return `${asked.length - acknowledged.size} not acknowledged`;
    for (const { process } of positions.open) if (process.isAlive) return `${process.name} is at work`;
    const dueAtMs = await schedule("").nextDueMs();
    if (dueAtMs !== undefined) return `the schedule waits for ${dueAtMs - START_MS}`;
    for (const [group, read] of positions.groups) {
      const lag = await kept.lag(group, read);
      if (lag > 0) return `${group} is ${lag} behind`;
    }
    return timeline.nowMs - appendedMs < LOOK_EVERY_MS ? "the log is written to" : undefined;
  };
  const latestMs = START_MS + FAULTS_MS + QUIET_WITHIN_MS;
  let left: string | undefined = "everything";
  for (let lookMs = START_MS + FAULTS_MS + LOOK_EVERY_MS; !broken && left !== undefined && timeline.nowMs < latestMs; ) {
    if (!(await timeline.step())) break;
    if (timeline.nowMs < lookMs) continue;
    lookMs = timeline.nowMs + LOOK_EVERY_MS;
    left = await unfinished();
  }
  if (left === undefined) await verdict({ log: kept, sends, inbox, events, acknowledged }, report);
  else report("I6: quiet within half an hour", left);

  for (const topic of topics.all)
    for (const { partition, offset, timeMs, key, value } of await recordsOf(kept, topic))
      timeline.note(`${topic.name}/${partition}/${offset} ${timeMs} ${key} ${Buffer.from(value).toString("base64")}`);
  await kept.close();
  return {
    ...{ seed, plan, broken, acknowledged: acknowledged.size, repeats: sends.repeats },
    digest: timeline.digest(),
    mails: [...sends.taken.values()].flat().length,
    happened: timeline.happened,
    simulatedMs: timeline.nowMs - START_MS,
  };
}

/** A port as a process has it: each call of it goes over the wire. */
function called<P extends object>(wire: Wire, process: Process, name: string, port: P): P {
  const calls = Object.entries(port).map(([method, work]) => [
    method,
    (...given: unknown[]) => wire.call(process, `${name}.${method}`, () => (work as (...given: unknown[]) => Promise<unknown>)(...given)),
  ]);
  return Object.fromEntries(calls) as P;
}
