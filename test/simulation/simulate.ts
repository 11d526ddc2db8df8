/**
 * One simulated run: the real rooms over a log, a ledger and stores in memory that outlive them, under simulated time; what goes wrong and
 * in which order things happen follows from the seed. Ends at the first broken promise, or when everything is quiet and was kept.
 */
import { Registry } from "prom-client";
import * as topics from "#domain/topics.ts";
import { enginesOf } from "./engines.ts";
import { FAULTS_MS, type Fault, type Plan, planOf } from "./faults.ts";
import { Fleet } from "./fleet.ts";
import { kept } from "./kept.ts";
import { loadOf } from "./load.ts";
import type { Mutant } from "./mutant.ts";
import { peopleAt } from "./people.ts";
import { Process } from "./process.ts";
import type { Temper } from "./provider.ts";
import { randomOf } from "./random.ts";
import { Timeline } from "./timeline.ts";
import { recordsOf, verdict } from "./verdict.ts";
import { LEDGER, type Outage } from "./wire.ts";

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
  readonly simulatedMs: number;
  /** What came about, and how often: reasons of deliveries, changes of breakers, losses of the ledger. */
  readonly marks: ReadonlyMap<string, number>;
}

/** A Tuesday, 22:13:20 UTC. */
const START_MS = 1_700_000_000_000;
const QUIET_WITHIN_MS = 30 * 60_000;
const LOOK_EVERY_MS = 2_000;

export async function simulate({ seed, mutant = {}, tell, faults }: Run): Promise<Ran> {
  const plan = planOf(randomOf(seed, "plan"));
  const timeline = new Timeline(START_MS, randomOf(seed, "order"), tell);
  const outages: Outage[] = [];
  const weather = { ...plan.weather, outages };
  const temper: Temper = { trouble: plan.trouble, out: new Map() };
  const metrics = new Registry();
  let broken: Ran["broken"];
  const report = (promise: string, how: string) => {
    broken ??= { promise, how };
  };
  const load = loadOf(randomOf(seed, "load"), START_MS);
  const engines = enginesOf({ seed, plan, load, timeline, weather, temper, mutant, metrics, report });
  const { log, broker, sends, positions, portsOf, accepted, marks } = engines;

  const fleet = new Fleet(plan.form, {
    ...{ timeline, broker, metrics, sessionMs: plan.sessionMs, portsOf },
    watched: (stage, process) => positions.stage(stage, process),
    died: (process) => sends.died(process),
  });
  const client = new Process("client", timeline);
  const unacknowledged = peopleAt(load, { timeline, process: client, ports: portsOf(client), ...engines });
  const fail = ({ calls, fate, forMs }: Pick<Outage, "calls" | "fate"> & { readonly forMs: number }) =>
    outages.push({ calls, fate, fromMs: timeline.nowMs, untilMs: timeline.nowMs + forMs });
  const befall = (fault: Fault): void => {
    switch (fault.is) {
      case "ledger out of reach":
        fail({ calls: LEDGER, fate: "request lost", forMs: fault.forMs });
        return;
      case "calls fail":
        fail(fault);
        return;
      case "ledger loses everything":
        timeline.during(engines.lose());
        return;
      case "provider out":
        temper.out.set(fault.provider, fault.how);
        timeline.after(fault.forMs, `${fault.provider} is back`, () => temper.out.delete(fault.provider));
        return;
      default:
        fleet.befall(fault);
    }
  };
  for (const fault of faults ?? plan.faults) timeline.after(fault.atMs, `fault: ${fault.is}`, () => befall(fault));
  timeline.after(FAULTS_MS, "healed", () => {
    weather.losses = 0;
    temper.trouble = 0;
    temper.out.clear();
    for (const outage of outages) outage.untilMs = Math.min(outage.untilMs, timeline.nowMs);
    fleet.heal();
  });

  const latestMs = START_MS + FAULTS_MS + QUIET_WITHIN_MS;
  let left: string | undefined = "everything";
  for (let lookMs = START_MS + FAULTS_MS + LOOK_EVERY_MS; !broken && left !== undefined && timeline.nowMs < latestMs; ) {
    if (!(await timeline.step())) break;
    if (timeline.nowMs < lookMs) continue;
    lookMs = timeline.nowMs + LOOK_EVERY_MS;
    left = unacknowledged() ?? (await engines.unfinished(LOOK_EVERY_MS));
  }
  if (left === undefined) {
    await verdict(engines, report);
    await kept({ ...engines, load }, report);
  } else report("I6: quiet within half an hour", left);

  for (const topic of topics.all)
    for (const { partition, offset, timeMs, key, value } of await recordsOf(log, topic))
      timeline.note(`${topic.name}/${partition}/${offset} ${timeMs} ${key} ${Buffer.from(value).toString("base64")}`);
  await log.close();
  return {
    ...{ seed, plan, broken, acknowledged: accepted.size, repeats: sends.repeats },
    ...{ digest: timeline.digest(), marks, simulatedMs: timeline.nowMs - START_MS },
    mails: [...sends.taken.values()].flat().length,
  };
}
