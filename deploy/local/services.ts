/**
 * Carillon's own processes on this machine: one for each module that can run alone, or one for all. One that ends by itself is started
 * again; all end with this process.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { makeDataDir } from "../../services/data-dir.ts";
import { tellOfMesh } from "../../services/running-mesh.ts";
import { secretOf } from "../../services/secret.ts";
import type { EngineAddresses } from "./addresses.ts";
import { type EngineLog, type EnginePlan, startProcess } from "./engine.ts";
import { databaseUrl } from "./given.ts";
import { isFree, type Ports } from "./port.ts";
import { EngineProblem } from "./problem.ts";
import { PROCESSES } from "./processes.ts";
import { logOf, type Program, type Supervised } from "./supervised.ts";

const main = fileURLToPath(new URL("../../services/main.ts", import.meta.url));

/** The ports that everybody calls, and the settings that name them. */
const FRONT = { http: 8080, grpc: 8081, "legacy-http": 8082, smtp: 1025 } as const;
const FRONT_SETTINGS = {
  http: "CARILLON_HTTP_PORT",
  grpc: "CARILLON_GRPC_PORT",
  "legacy-http": "CARILLON_LEGACY_HTTP_PORT",
  smtp: "CARILLON_SMTP_SINK_PORT",
} as const;

const frontNames = Object.keys(FRONT) as (keyof typeof FRONT)[];
const askedOf = (name: keyof typeof FRONT, env: NodeJS.ProcessEnv): number => Number(env[FRONT_SETTINGS[name]] || FRONT[name]);

/** In production there is no mailbox. */
const listensAt = (name: keyof typeof FRONT, env: NodeJS.ProcessEnv): boolean => name !== "smtp" || env.CARILLON_MODE !== "production";

/** Throws where somebody listens already at ports of the front, naming all of them: whoever that is would be taken for the front. */
export async function checkFront(env: NodeJS.ProcessEnv): Promise<void> {
  const asked = frontNames
    .filter((name) => listensAt(name, env))
    .map((name) => ({ port: askedOf(name, env), setting: FRONT_SETTINGS[name] }))
    .filter(({ port }) => port !== 0);
  const free = await Promise.all(asked.map(({ port }) => isFree(port)));
  const taken = asked.filter((_, at) => !free[at]).map(({ port, setting }) => `Port ${port} is taken. Set ${setting} to another.`);
  if (taken.length > 0) throw new EngineProblem(taken.join("\n"));
}

/** The front's as the settings say (0: a free one), the others' free ones, all the same at the next start. Throws where one is taken. */
export async function portsOf(ports: Ports, env: NodeJS.ProcessEnv): Promise<Record<string, number>> {
  await checkFront(env);
  const chosen: Record<string, number> = {};
  for (const name of frontNames) chosen[name] = askedOf(name, env) || (await ports.take(name));
  for (const [name = ""] of PROCESSES.slice(1)) chosen[name] = await ports.take(name);
  return chosen;
}

/** What the processes are told. */
export interface ServicesSettings {
  readonly dataDir: string;
  readonly engines: EngineAddresses;
  /** All modules in one process. */
  readonly oneProcess: boolean;
  /** By module; the front's three are "http", "grpc" and "legacy-http", and "smtp" is the mailbox's. */
  readonly ports: Readonly<Record<string, number>>;
  readonly env?: Program["env"];
}

export interface ServicesOptions extends ServicesSettings {
  readonly logger: EngineLog;
  readonly signal: AbortSignal;
}

export interface RunningServices {
  readonly processes: readonly { readonly name: string; readonly pid: number; readonly port: number }[];
  /** The log that has the first API key, where this start made one. */
  readonly firstKeyIn: string | undefined;
  stop(): Promise<void>;
}

/** A process drains for at most 18 s. */
const GRACE_S = 22;
const AGAIN_MS = [500, 1_000, 2_000, 5_000, 10_000] as const;
/** Who ran for so long has not failed to start. */
const STEADY_MS = 60_000;

export async function startServices(options: ServicesOptions): Promise<RunningServices> {
  const { logger, signal } = options;
  const plans = plansOf(options);
  const running = await startAll(plans, signal);
  const firstKeyIn = plans.map(logOf).find((log) => /^The first API key/m.test(readFileSync(log, "utf8")));
  const untell = tellOfMesh(options.dataDir, { ...settingsIn(process.env), ...settingsOf(options) });
  let stopping = false;

  /** Whether it got ready; either way it is told. */
  const startAgain = async (plan: EnginePlan): Promise<boolean> => {
    try {
      const again = await startProcess(plan, signal);
      running.set(plan.name, again);
      logger.info(`${plan.name} runs again, pid ${again.pid}.`);
      return true;
    } catch (error) {
      if (!stopping) logger.warn((error as Error).message);
      return false;
    }
  };
  const keepUp = async (plan: EnginePlan): Promise<void> => {
    for (let failures = 0; !stopping; ) {
      const startedMs = performance.now();
      const how = await (running.get(plan.name) as Supervised).ended;
      if (stopping) return;
      failures = performance.now() - startedMs > STEADY_MS ? 0 : failures + 1;
      logger.warn(`${plan.name} ${how}; starting it again.`);
      for (;;) {
        await pause(AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]);
        if (stopping) return;
        if (await startAgain(plan)) break;
        failures++;
      }
    }
  };
  const stop = async () => {
    stopping = true;
    untell();
    await Promise.all([...running.values()].map((each) => each.stop()));
  };

  for (const plan of plans) void keepUp(plan);
  return {
    get processes() {
      return plans.map(({ name, port }) => ({ name, pid: running.get(name)?.pid ?? 0, port }));
    },
    firstKeyIn,
    stop,
  };
}

/** By name. When one does not get ready none is left. */
export async function startAll(plans: readonly EnginePlan[], signal: AbortSignal): Promise<Map<string, Supervised>> {
  const running = new Map<string, Supervised>();
  const starts = await Promise.allSettled(plans.map(async (plan) => running.set(plan.name, await startProcess(plan, signal))));
  const failed = starts.find((start) => start.status === "rejected");
  if (!failed) return running;
  await Promise.all([...running.values()].map((each) => each.stop()));
  throw failed.reason;
}

/** Of each process: how it is run, and the question that shows that it is ready. */
export const plansOf = (options: ServicesSettings): readonly EnginePlan[] =>
  (options.oneProcess ? [[]] : PROCESSES).map((modules) => planOf(modules, options));

function planOf(modules: readonly string[], options: ServicesSettings): EnginePlan {
  const { dataDir, ports, env } = options;
  const name = modules.length === 0 ? "carillon" : modules.join("+");
  const dir = join(dataDir, "services");
  const front = modules.length === 0 || modules.includes("ingest");
  const port = (front ? ports.http : ports[modules[0] as string]) as number;
  return {
    ...{ name, dir, port, ports: [port], graceS: GRACE_S },
    command: process.execPath,
    // Told by its title which one it is, and whose.
    args: [`--title=carillon ${name} ${dir}`, "--disable-warning=ExperimentalWarning", "--max-semi-space-size=64", main, ...modules],
    env: { ...settingsOf(options), ...env },
    async ask() {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_000) });
      if (!response.ok) throw new Error(await response.text());
      // Its last word of a start, and the first key before it, come a moment after its probe says so.
      if (!/^Carillon .*ready http/m.test(readFileSync(logOf(this), "utf8"))) throw new Error("has not said that it is ready");
    },
  };
}

/** Those that were set when the mesh was started: its processes have them too. */
const settingsIn = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[0].startsWith("CARILLON_")));

function settingsOf({ dataDir, engines, ports }: ServicesSettings): Record<string, string> {
  const { http, grpc, "legacy-http": legacy, smtp, ...modules } = ports;
  return {
    CARILLON_ADAPTERS: "mesh",
    CARILLON_DATA_DIR: dataDir,
    CARILLON_SERVICE_SECRET: serviceSecret(dataDir),
    CARILLON_KAFKA_BROKERS: engines.kafka.join(","),
    CARILLON_MYSQL_URL: databaseUrl(engines.mysql),
    CARILLON_REDIS_LEDGER_URL: engines.redisLedger,
    CARILLON_REDIS_CACHE_URL: engines.redisCache,
    CARILLON_CASSANDRA_CONTACT_POINTS: engines.cassandra,
    CARILLON_HTTP_PORT: String(http),
    CARILLON_GRPC_PORT: String(grpc),
    CARILLON_LEGACY_HTTP_PORT: String(legacy),
    CARILLON_SMTP_SINK_PORT: String(smtp),
    ...Object.fromEntries(
      Object.entries(modules).map(([name, port]) => [`CARILLON_${name.toUpperCase().replaceAll("-", "_")}_PORT`, String(port)]),
    ),
  };
}

/** What these processes know each other by; made at the first start, readable by the owner only. */
function serviceSecret(dataDir: string): string {
  makeDataDir(dataDir);
  return Buffer.from(secretOf(join(dataDir, "service.secret"), "hex")).toString();
}
