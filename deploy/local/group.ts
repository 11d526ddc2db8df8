/** The running processes of one engine: one for most, one a broker for Kafka. */
import { type EngineLog, type EnginePlan, startProcess } from "./engine.ts";
import { isFree } from "./port.ts";
import type { Supervised } from "./supervised.ts";

export interface EngineGroup {
  readonly ports: readonly number[];
  readonly processes: readonly { readonly name: string; readonly pid: number; readonly port: number }[];
  restart(name: string): Promise<void>;
  stop(): Promise<void>;
}

const TRIES = 3;
/** Brokers that end together hand over within a second; then the last would wait five more for a quorum that is gone. */
const SEVERAL_MS = 3_000;

/** Plans and starts until every process answers. A port that somebody takes between the choice and the start is another try. */
export async function startGroup(plan: () => Promise<readonly EnginePlan[]>, logger: EngineLog, signal: AbortSignal): Promise<EngineGroup> {
  for (let tries = 1; ; tries++) {
    const plans = await plan();
    try {
      return runGroup(await startAll(plans, signal), logger, signal);
    } catch (error) {
      if (signal.aborted || tries === TRIES || !(await isOneTaken(plans))) throw error;
      logger.info(`A port of ${plans.map(({ name }) => name).join(", ")} was taken meanwhile; starting at another.`);
    }
  }
}

interface Member {
  readonly plan: EnginePlan;
  running: Supervised;
}

/** When one fails the others have ended too. */
async function startAll(plans: readonly EnginePlan[], outer: AbortSignal): Promise<Member[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const starts = await Promise.allSettled(
    plans.map(async (plan) => {
      try {
        return { plan, running: await startProcess(plan, signal) };
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  const members = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  if (members.length === plans.length) return members;
  await Promise.all(members.map(({ running }) => running.stop()));
  throw outer.aborted ? outer.reason : failed.signal.reason;
}

async function isOneTaken(plans: readonly EnginePlan[]): Promise<boolean> {
  const free = await Promise.all(plans.flatMap(({ ports }) => ports).map(isFree));
  return free.includes(false);
}

function runGroup(members: Member[], logger: EngineLog, signal: AbortSignal): EngineGroup {
  /** Those that were told to end; about others it is said. */
  const told = new Set<Supervised>();
  const watch = ({ plan, running }: Member) =>
    void running.ended.then((how) => {
      if (!told.has(running)) logger.warn(`${plan.name} ${how}.`);
    });
  const end = async (running: Supervised, patienceMs?: number) => {
    told.add(running);
    await running.stop(patienceMs);
  };
  for (const member of members) watch(member);
  return {
    ports: members.map(({ plan }) => plan.port),
    get processes() {
      return members.map(({ plan, running }) => ({ name: plan.name, pid: running.pid, port: plan.port }));
    },
    async restart(name) {
      const member = members.find(({ plan }) => plan.name === name);
      if (!member) return;
      await end(member.running);
      member.running = await startProcess(member.plan, signal);
      watch(member);
    },
    async stop() {
      const patienceMs = members.length > 1 ? SEVERAL_MS : undefined;
      await Promise.all(members.map(({ running }) => end(running, patienceMs)));
    },
  };
}
