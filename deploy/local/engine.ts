/**
 * What every engine on this machine has in common: how it is described, and how its processes are started and asked until they answer.
 */
import { setTimeout as pause } from "node:timers/promises";
import { EngineProblem } from "./problem.ts";
import { type Program, runSupervised, type Supervised } from "./supervised.ts";

/** Where starting and stopping is told. A pino logger is one. */
export interface EngineLog {
  info(sentence: string): void;
  warn(sentence: string): void;
}

/** One process of an engine: how it is run, and the question that shows that it serves. */
export interface EnginePlan extends Program {
  readonly port: number;
  /** Every port that it listens on. */
  readonly ports: readonly number[];
  /** Throws as long as it does not serve. */
  ask(): Promise<void>;
}

/** Cassandra takes ten seconds on two free cores, and minutes where many others want them. */
const READY_MS = 240_000;
const ASK_AGAIN_MS = 100;

/** Starts a process and asks it until it answers. What fails to start is ended. */
export async function startProcess(plan: EnginePlan, signal: AbortSignal): Promise<Supervised> {
  const running = await runSupervised(plan);
  try {
    await untilReady(running, plan, signal);
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

async function untilReady(running: Supervised, plan: EnginePlan, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_MS;
  for (;;) {
    signal.throwIfAborted();
    try {
      await Promise.race([plan.ask(), running.ended.then((how) => Promise.reject(new EndedEarly(how)))]);
      return;
    } catch (error) {
      const how = error instanceof EndedEarly ? error.message : undefined;
      if (how !== undefined) throw new EngineProblem(problem(running, plan, `${how} before it answered`));
      if (performance.now() > deadline) throw new EngineProblem(problem(running, plan, `does not answer after ${READY_MS / 1_000} s`));
    }
    await pause(ASK_AGAIN_MS);
  }
}

class EndedEarly extends Error {}

const problem = (running: Supervised, { dir, name }: EnginePlan, what: string): string =>
  `${name} ${what}. The log in ${dir} ends with:\n${running.lastLines()}`;

/** Runs a program to its end, as a step of preparing an engine. */
export async function runStep(program: Program): Promise<void> {
  const step = await runSupervised(program);
  const how = await step.ended;
  await step.stop();
  if (how !== "ended with exit code 0") throw new EngineProblem(`${program.name} ${how}. It said:\n${step.lastLines()}`);
}
