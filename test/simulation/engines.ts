/** What outlives the processes of a simulated run, watched from outside, and the ports that a process has of it. */
import { fromBinary } from "@bufbuild/protobuf";
import type { Registry } from "prom-client";
import { quietUntil } from "#domain/decide/quiet-hours.ts";
import * as topics from "#domain/topics.ts";
import { DeliveryStatus } from "#gen/carillon/common/v1/common_pb.ts";
import { type Delivery, type DeliveryEvent, DeliverySchema, Moment } from "#gen/carillon/event/v1/event_pb.ts";
import { tellAgain } from "#platform/ledger/keeping.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import type { Ledger } from "#platform/ledger/ledger.ts";
import { memoryBreakers } from "#platform/limits/breaker.memory.ts";
import type { Breakers } from "#platform/limits/breaker.ts";
import { memoryBuckets } from "#platform/limits/bucket.memory.ts";
import type { Buckets } from "#platform/limits/bucket.ts";
import { memoryLog } from "#platform/log/log.memory.ts";
import type { EventLog, Output } from "#platform/log/log.ts";
import { memoryDeadLetterStore } from "../../services/deadletters/store.memory.ts";
import type { DeadLetterStore } from "../../services/deadletters/store.ts";
import type { Sender } from "../../services/delivery/sender.ts";
import { memoryInboxStore } from "../../services/inbox/store.memory.ts";
import type { InboxStore } from "../../services/inbox/store.ts";
import { memoryPreferenceStore } from "../../services/preferences/store.memory.ts";
import { memorySuppressionStore } from "../../services/preferences/suppressions.memory.ts";
import { memorySchedule } from "../../services/scheduler/store.memory.ts";
import type { ScheduleStore, Wait } from "../../services/scheduler/store.ts";
import { memoryHistoryStore } from "../../services/tracker/store.memory.ts";
import type { HistoryStore } from "../../services/tracker/store.ts";
import { Bars } from "./bars.ts";
import { watchedBreakers } from "./breakers.ts";
import type { Plan } from "./faults.ts";
import { memoryKeeps } from "./keeps.ts";
import { Leases } from "./leases.ts";
import { LedgerServer, ledgerOf } from "./ledger.ts";
import { type Broker, brokerOf } from "./log.ts";
import { Positions } from "./positions.ts";
import { Process } from "./process.ts";
import { PROVIDERS, senderOf, type Temper } from "./provider.ts";
import { randomOf } from "./random.ts";
import type { Report } from "./report.ts";
import type { Ports } from "./rooms.ts";
import { Sends } from "./sends.ts";
import { servicesOf } from "./services.ts";
import type { Timeline } from "./timeline.ts";
import { underWay } from "./under-way.ts";
import { eventsIn } from "./verdict.ts";
import { type Weather, Wire } from "./wire.ts";

/** What is broken on purpose, to see that it is found. */
export interface Mutant {
  readonly ledger?: (ledger: Ledger) => Ledger;
  readonly log?: (log: EventLog) => EventLog;
  readonly sender?: (sender: Sender) => Sender;
  readonly breakers?: (breakers: Breakers) => Breakers;
  readonly buckets?: (buckets: Buckets) => Buckets;
  readonly schedule?: (schedule: ScheduleStore) => ScheduleStore;
  readonly letters?: (letters: DeadLetterStore) => DeadLetterStore;
  readonly history?: (history: HistoryStore) => HistoryStore;
  readonly restore?: typeof tellAgain;
}

export interface EnginesNeeds {
  readonly seed: number;
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly weather: Weather;
  readonly temper: Temper;
  readonly mutant: Mutant;
  readonly metrics: Registry;
  readonly report: Report;
  readonly expiresAtMs: (notificationId: string) => number;
}

export type Engines = ReturnType<typeof enginesOf>;

export function enginesOf({ seed, plan, timeline, weather, temper, mutant, metrics, report, expiresAtMs }: EnginesNeeds) {
  const wire = new Wire({ timeline, random: randomOf(seed, "wire"), weather });
  const { clock } = new Process("engines", timeline);
  const intact = <P>(port: P): P => port;
  /** What came about, and how often. */
  const marks = new Map<string, number>();
  const mark = (what: string) => marks.set(what, (marks.get(what) ?? 0) + 1);

  const bars = new Bars();
  const leases = new Leases({ timeline, report, bars });
  const rates = new Map(plan.rates.flatMap((rate, at) => (rate ? [[PROVIDERS[at] as string, rate]] : [])));
  /** By delivery and cycle, as it is on its way. */
  const deliveries = new Map<string, Delivery>();
  const isQuiet = (deliveryId: string, cycle: number, nowMs: number) => {
    const { quietHours, timeZone = "" } = deliveries.get(`${deliveryId} ${cycle}`) ?? {};
    return quietHours !== undefined && quietUntil(quietHours, timeZone, nowMs) !== undefined;
  };
  const sends = new Sends({ timeline, report, leases, rates, expiresAtMs, isQuiet });

  /** By notification, as the tracker has them sooner or later. */
  const events = new Map<string, DeliveryEvent[]>();
  let appendedMs = timeline.nowMs;
  const appended = (outputs: readonly Output[]) => {
    appendedMs = timeline.nowMs;
    for (const event of eventsIn(outputs)) {
      events.set(event.notificationId, [...(events.get(event.notificationId) ?? []), event]);
      if (event.moment !== Moment.DELIVERY) continue;
      mark(event.reason);
      if (event.status === DeliveryStatus.DEFERRED) leases.putOff.add(event.deliveryId);
      if (event.status === DeliveryStatus.DEAD) leases.died(event.deliveryId, event.cycle);
    }
    for (const { topic, value } of outputs) {
      if (topic.schema !== DeliverySchema || value.length < 3) continue;
      const delivery = fromBinary(DeliverySchema, value);
      deliveries.set(`${delivery.deliveryId} ${delivery.cycle}`, delivery);
    }
  };
  const positions = new Positions(report, appended);
  const log = memoryLog({ topics: topics.all, clock });
  const watched = (mutant.log ?? intact)(positions.watched(log));
  const broker: Broker = brokerOf({ timeline, log: watched, random: randomOf(seed, "broker"), wire, isAtomic: plan.isAtomic });

  const server = new LedgerServer(() => leases.watched((mutant.ledger ?? intact)(memoryLedger({ clock }))));
  const keeps = memoryKeeps();
  const emptyLimits = () => ({
    buckets: (mutant.buckets ?? intact)(memoryBuckets({ clock })),
    breakers: watchedBreakers((mutant.breakers ?? intact)(memoryBreakers({ clock })), {
      timeline,
      report,
      mark,
      sent: sends.begun,
      leases,
    }),
  });
  let limits = emptyLimits();
  const buckets: Buckets = { take: (ask) => limits.buckets.take(ask), book: (booking) => limits.buckets.book(booking) };
  const breakers: Breakers = {
    read: (integrations) => limits.breakers.read(integrations),
    probe: (probe) => limits.breakers.probe(probe),
    report: (result) => limits.breakers.report(result),
  };

  const kept = memorySchedule();
  const waits = new Map<string, Wait>();
  const schedule = (worker: string): ScheduleStore => {
    const store = kept(worker);
    return {
      ...store,
      async put(some) {
        await store.put(some);
        for (const wait of some) waits.set(wait.id, wait);
      },
      async remove(ids) {
        await store.remove(ids);
        for (const id of ids) waits.delete(id);
      },
    };
  };
  const people = memoryPreferenceStore();
  const suppressions = memorySuppressionStore();
  const history = (mutant.history ?? intact)(memoryHistoryStore());
  const letters = (mutant.letters ?? intact)(memoryDeadLetterStore());
  const boxes = memoryInboxStore();
  /** Deliveries in the order in which they came into an inbox, and whose it is. */
  const stored = new Map<string, string>();
  /** Those that are not there any more. */
  const deleted = new Set<string>();
  const inbox: InboxStore = {
    ...boxes,
    add: async (rows) => {
      const places = await boxes.add(rows);
      for (const { deliveryId, notificationId, userId, createdAtMs } of rows) {
        if (!stored.has(deliveryId)) stored.set(deliveryId, userId);
        if (createdAtMs >= expiresAtMs(notificationId)) report("nothing is sent after its expiry", `${deliveryId} was stored`);
      }
      return places;
    },
    async erase(environment, userId) {
      await boxes.erase(environment, userId);
      for (const [deliveryId, whose] of stored) if (whose === userId) deleted.add(deliveryId);
    },
  };
  const accepted = new Map<string, Uint8Array>();
  // Nobody suppresses or erases by these: they do so by processes of their own, over the wire.
  const services = servicesOf({ people, suppressions, history, inbox, accepted }, { clock, ledger: server.ledger });

  const provider = {
    ...{ timeline, random: randomOf(seed, "provider"), temper },
    ...{ began: sends.began.bind(sends), took: sends.took.bind(sends), answered: sends.answered.bind(sends) },
  };

  const processes = new Set<Process>();
  const portsOf = (process: Process): Ports => {
    processes.add(process);
    const far = <P extends object>(name: string, port: P): P => wire.far(process, name, port);
    const timed = <P extends object>(name: string, port: P): P => wire.far(process, name, port, { timed: true });
    const clients = new Map([...services].map(([service, answers]) => [service, far(service.name, answers)]));
    const providers = plan.rates.map((rate, at) => {
      const sender = senderOf(process, PROVIDERS[at] as string, provider);
      return { rate, sender: (mutant.sender ?? intact)(sender) };
    });
    return {
      ...{ log: broker.logOf(process), clock: process.clock, worker: process.name, metrics, providers, maxRetryCount: plan.maxRetryCount },
      ...{ buckets: far("ledger.buckets", buckets), breakers: far("ledger.breakers", breakers) },
      schedule: far("schedule", (mutant.schedule ?? intact)(schedule(process.name))),
      ...{ inbox: timed("inbox", inbox), history: timed("history", history), letters: far("letters", letters) },
      ...{ people: far("people", people), suppressions: far("suppressions", suppressions) },
      ledger: leases.heard(ledgerOf(process, { server, keeps, wire, restore: mutant.restore ?? tellAgain }), process),
      client: ((service) => clients.get(service)) as Ports["client"],
    };
  };

  /** The ledger loses everything, and with it the limits. */
  async function lose(): Promise<void> {
    leases.lost(await underWay({ log, positions, events, sends, waits: [...waits.values()], processes, nowMs: timeline.nowMs }));
    server.loseEverything();
    limits = emptyLimits();
    mark("ledger lost");
  }

  /** What the engines have still to give to somebody; undefined: nothing, and nothing was written lately. */
  async function unfinished(quietMs: number): Promise<string | undefined> {
    for (const { process } of positions.open) if (process.isAlive) return `${process.name} is at work`;
    const dueAtMs = await schedule("nobody").nextDueMs();
    if (dueAtMs !== undefined) return `the schedule waits for ${dueAtMs - timeline.startMs}`;
    for (const [group, read] of positions.groups) {
      const lag = await log.lag(group, read);
      if (lag > 0) return `${group} is ${lag} behind`;
    }
    if ((await people.erasures(Number.POSITIVE_INFINITY, 1)).length > 0) return "an erasure is not finished";
    return timeline.nowMs - appendedMs < quietMs ? "the log is written to" : undefined;
  }

  return {
    log,
    broker,
    bars,
    leases,
    sends,
    positions,
    inbox,
    stored,
    deleted,
    history,
    people,
    events,
    accepted,
    marks,
    portsOf,
    lose,
    unfinished,
  };
}
