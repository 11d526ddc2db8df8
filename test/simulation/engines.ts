/** What outlives the processes of a simulated run, watched from outside, and the ports that a process has of it. */
import type { Registry } from "prom-client";
import * as topics from "#domain/topics.ts";
import { memoryIntents } from "#platform/ledger/intents.memory.ts";
import { tellAgain } from "#platform/ledger/keeping.ts";
import { memoryLedger } from "#platform/ledger/ledger.memory.ts";
import { atMostOnce } from "#platform/ledger/once.ts";
import { memoryLog } from "#platform/log/log.memory.ts";
import { NEWEST } from "#platform/page.ts";
import { Bars } from "./bars.ts";
import { Ends } from "./ends.ts";
import type { Plan } from "./faults.ts";
import { memoryKeeps } from "./keeps.ts";
import { Leases } from "./leases.ts";
import { LedgerServer, ledgerOf } from "./ledger.ts";
import { limitsOf } from "./limits.ts";
import { ENVIRONMENT, type Load, ONCE } from "./load.ts";
import { type Broker, brokerOf } from "./log.ts";
import { brokenBy, type Mutant } from "./mutant.ts";
import { Positions } from "./positions.ts";
import { Process } from "./process.ts";
import { PROVIDERS, senderOf, type Temper } from "./provider.ts";
import { randomOf } from "./random.ts";
import { meanings } from "./redis.ts";
import type { Report } from "./report.ts";
import type { Ports } from "./rooms.ts";
import { Sends } from "./sends.ts";
import { servicesOf } from "./services.ts";
import { storesOf } from "./stores.ts";
import type { Timeline } from "./timeline.ts";
import { Told } from "./told.ts";
import { Tries } from "./tries.ts";
import { underWay } from "./under-way.ts";
import { watchedRestorer } from "./whole.ts";
import { type Weather, Wire } from "./wire.ts";

export interface EnginesNeeds {
  readonly seed: number;
  readonly plan: Plan;
  readonly load: Load;
  readonly timeline: Timeline;
  readonly weather: Weather;
  readonly temper: Temper;
  readonly mutant: Mutant;
  readonly metrics: Registry;
  readonly report: Report;
}

export function enginesOf({ seed, plan, load, timeline, weather, temper, mutant, metrics, report }: EnginesNeeds) {
  const expiries = new Map(load.asked.map(({ notificationId, expiresAtMs }) => [notificationId, expiresAtMs]));
  const expiresAtMs = (id: string) => expiries.get(id) as number;
  const wire = new Wire({ timeline, random: randomOf(seed, "wire"), weather });
  const { clock } = new Process("engines", timeline);
  const broken = brokenBy(mutant);

  const bars = new Bars();
  const leases = new Leases({ timeline, report, bars });
  const told = new Told(timeline, leases);
  const rates = new Map(plan.rates.flatMap((rate, at) => (rate ? [[PROVIDERS[at] as string, rate]] : [])));
  const sends = new Sends({ timeline, report, leases, weather, rates, expiresAtMs, isQuiet: told.isQuiet });
  const tries = new Tries({ timeline, leases, weather });
  const ends = new Ends({ load, plan, timeline, sends, tries, report });
  told.onEvent = (event) => ends.told(event);

  const positions = new Positions(report, told.appended);
  const log = memoryLog({ topics: topics.all, clock });
  const watched = broken.log(positions.watched(log));
  const broker: Broker = brokerOf({ timeline, log: watched, random: randomOf(seed, "broker"), wire, isAtomic: plan.isAtomic });

  let memory = memoryLedger({ clock });
  const empty = () => {
    memory = memoryLedger({ clock });
    return leases.watched(broken.ledger(memory));
  };
  const server = new LedgerServer(empty, () => timeline.nowMs);
  const watchedMeanings = watchedRestorer(broken.restorer(meanings), { bars, ledger: () => memory, timeline, report });
  const keeps = memoryKeeps();
  const intents = memoryIntents();
  const limits = limitsOf({ clock, broken, timeline, report, leases, mark: told.mark, sent: sends.begun });
  const stores = storesOf({ broken, report, expiresAtMs });
  const { people, categories, suppressions, history, letters, inbox, schedule, waits } = stores;
  // Nobody suppresses or erases by these: they do so by processes of their own, over the wire.
  const services = servicesOf(stores, { clock, ledger: server.ledger });
  timeline.during(categories.set(ENVIRONMENT, { name: ONCE, atMostOnce: true }, 1));

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
    const providers = plan.rates.map((rate, at) => ({
      rate,
      sender: broken.sender(senderOf(process, PROVIDERS[at] as string, provider)),
    }));
    const plain = ledgerOf(process, { server, keeps, wire, restore: broken.restore(tellAgain), meanings: watchedMeanings });
    const once = () => atMostOnce(plain, far("intents", tries.watched(broken.intents(intents(process)))), process);
    return {
      ...{ log: broker.logOf(process), clock: process.clock, worker: process.name, metrics, providers, maxRetryCount: plan.maxRetryCount },
      ...{ buckets: far("ledger.buckets", limits.buckets), breakers: far("ledger.breakers", limits.breakers) },
      schedule: far("schedule", broken.schedule(schedule(process.name))),
      ...{ inbox: timed("inbox", inbox), history: timed("history", history), letters: far("letters", letters) },
      ...{ people: far("people", people), suppressions: far("suppressions", suppressions) },
      ledger: tries.heard(leases.heard(plan.once === "intents" ? once() : plain, process), process),
      client: ((service) => clients.get(service)) as Ports["client"],
    };
  };

  /** The ledger loses everything, and with it the limits. */
  async function lose(): Promise<void> {
    const { events } = told;
    leases.lost(await underWay({ log, positions, events, sends, waits: [...waits.values()], processes, nowMs: timeline.nowMs }));
    server.loseEverything();
    limits.lose();
    told.mark("ledger lost");
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
    const replays = await letters.listReplays(ENVIRONMENT, NEWEST, Number.POSITIVE_INFINITY);
    if (replays.some(({ endedAtMs }) => endedAtMs === 0)) return "a replay is not finished";
    if ((await people.erasures(Number.POSITIVE_INFINITY, 1)).length > 0) return "an erasure is not finished";
    return timeline.nowMs - told.lastMs < quietMs ? "the log is written to" : undefined;
  }

  return {
    ...stores,
    ...{ log, broker, bars, leases, sends, positions },
    events: told.events,
    marks: told.marks,
    portsOf,
    lose,
    unfinished,
  };
}
