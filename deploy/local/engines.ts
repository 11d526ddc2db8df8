/**
 * The engines of a mesh on this machine, without Docker: Kafka, MariaDB, two Redis and Cassandra, as children of this process.
 *
 * Everything they keep is under one data directory, which one launcher at a time may use; a second start goes on with it, at the same
 * ports. They end when this process ends, however it ends.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Lock } from "#platform/sqlite/lock.ts";
import { type EngineAddresses, type EngineName, engineNames } from "./addresses.ts";
import type { EngineLog } from "./engine.ts";
import { SETTINGS } from "./given.ts";
import { type EngineGroup, startGroup } from "./group.ts";
import { kinds, type Planner } from "./kinds.ts";
import { tryLock } from "./lock.ts";
import { rememberPorts } from "./port.ts";
import { EngineProblem, EnginesMissing, ProgramMissing } from "./problem.ts";

export interface StartOptions<Name extends EngineName> {
  /** Made when it is not there. */
  readonly dataDir: string;
  /** One broker, or three that replicate; a data directory stays with what it was made with. */
  readonly brokers: 1 | 3;
  /** Which engines; all when not given. */
  readonly which?: readonly Name[];
  /** Engines that run somewhere already: each must answer, and none is started in its place. */
  readonly given?: Partial<EngineAddresses>;
  readonly logger: EngineLog;
  /** Aborting it ends the start, and what was started so far. */
  readonly signal?: AbortSignal;
}

/** A process as it runs now: a restart gives it another pid. */
export interface EngineProcess {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
}

export interface RunningEngines<Name extends EngineName = EngineName> {
  readonly addresses: Pick<EngineAddresses, Name>;
  readonly processes: readonly EngineProcess[];
  /** Starts the process of that name once more, at its port and with its data; ends it first where it still runs. */
  restart(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Throws EnginesMissing, before anything is started, where some cannot be had; EngineProblem where one does not start. */
export async function startEngines<Name extends EngineName = EngineName>(options: StartOptions<Name>): Promise<RunningEngines<Name>> {
  const { given = {}, logger, brokers, which = engineNames as readonly Name[] } = options;
  const dataDir = resolve(options.dataDir);
  const own = which.filter((name) => given[name] === undefined);
  await Promise.all(which.filter((name) => !own.includes(name)).map((name) => checkGiven(name, given)));
  const planners = await obtain(own, logger);

  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = lockOf(dataDir);
  const place = { dataDir, brokers, ports: rememberPorts(join(dataDir, "ports.json")) };
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const groups = new Map<EngineName, EngineGroup>();
  let stopped: Promise<void> | undefined;
  const stop = () =>
    (stopped ??= Promise.all([...groups.values()].map((group) => group.stop())).then(() => {
      lock.release();
    }));
  try {
    await all(
      [...planners].map(async ([name, planner]) => groups.set(name, await startGroup(() => planner(place), logger, signal))),
      (error) => failed.abort(error),
    );
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    addresses: Object.fromEntries(which.map((name) => [name, given[name] ?? kinds[name].addressOf(groups.get(name)?.ports ?? [])])) as Pick<
      EngineAddresses,
      Name
    >,
    get processes() {
      return which.flatMap((name) => groups.get(name)?.processes ?? []);
    },
    async restart(name) {
      const group = [...groups.values()].find(({ processes }) => processes.some((each) => each.name === name));
      if (!group) throw new EngineProblem(`There is no process ${name} to restart.`);
      await group.restart(name);
    },
    stop,
  };
}

/** Throws EngineProblem where another launcher has the directory, before this one has done anything. */
export function checkUnused(dataDir: string): void {
  if (existsSync(dataDir)) lockOf(resolve(dataDir)).release();
}

function lockOf(dataDir: string): Lock {
  const lock = tryLock(join(dataDir, "engines"));
  if (lock) return lock;
  throw new EngineProblem(
    `The directory ${dataDir} is in use: its engines run already, started by another process. Stop that one, or use another data directory.`,
  );
}

/** All of them, of which none is still at it when this rejects, with what went wrong first. */
async function all(work: readonly Promise<unknown>[], onFirst: (error: unknown) => void): Promise<void> {
  await Promise.all(work).catch(onFirst);
  await Promise.allSettled(work);
  await Promise.all(work);
}

async function checkGiven<Name extends EngineName>(name: Name, given: Partial<EngineAddresses>): Promise<void> {
  const address = given[name];
  if (address === undefined) return;
  try {
    await kinds[name].ask(address as EngineAddresses[Name]);
  } catch (error) {
    throw new EngineProblem(`The ${name} that ${SETTINGS[name]} names does not answer: ${(error as Error).message}`);
  }
}

/** One after the other, since they install and download. */
async function obtain(names: readonly EngineName[], logger: EngineLog): Promise<ReadonlyMap<EngineName, Planner>> {
  const planners = new Map<EngineName, Planner>();
  const missing = new Map<EngineName, string>();
  for (const name of names) {
    try {
      planners.set(name, await kinds[name].obtain(logger));
    } catch (error) {
      if (!(error instanceof ProgramMissing)) throw error;
      missing.set(name, error.message);
    }
  }
  if (missing.size > 0) throw new EnginesMissing(missing);
  return planners;
}
