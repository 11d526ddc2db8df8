/**
 * `npm run mesh`: the engines, and Carillon on them, on this machine. Ctrl-C drains and ends all of it; the next start goes on with the data.
 *
 * `--brokers 3` three brokers; `--one-process` all modules in one process; `--engines-only` the engines alone; `--data-dir DIR`.
 */
import { join, resolve } from "node:path";
import { ConfigProblem, loadConfig } from "#platform/config/config.ts";
import { ArgumentProblem, argumentsOf } from "../../services/arguments.ts";
import { DATA_DIR, makeDataDir } from "../../services/data-dir.ts";
import { describedModules } from "../../services/modules.ts";
import type { ProcessSettings } from "../../services/process.ts";
import { readSettingsFile } from "../../services/settings-file.ts";
import { onToldToEnd } from "../../services/told-to-end.ts";
import { engineNames } from "./addresses.ts";
import { checkUnused, type RunningEngines, startEngines } from "./engines.ts";
import { databaseUrl, givenEngines } from "./given.ts";
import { rememberPorts } from "./port.ts";
import { EngineProblem, EnginesMissing } from "./problem.ts";
import { checkFront, portsOf, type RunningServices, startServices } from "./services.ts";
import { table } from "./table.ts";

const say = (sentence: string) => void process.stderr.write(`${sentence}\n`);
const logger = { info: say, warn: say };

function fail(sentence: string): never {
  say(sentence);
  process.exit(1);
}

const USAGE = "npm run mesh -- [--brokers 1 | 3] [--one-process] [--engines-only] [--data-dir DIR]";

function readArguments() {
  const flag = { type: "boolean", default: false } as const;
  const options = { "engines-only": flag, "one-process": flag, brokers: { type: "string" }, "data-dir": { type: "string" } } as const;
  try {
    return argumentsOf({ options }).values;
  } catch (error) {
    if (!(error instanceof ArgumentProblem)) throw error;
    return fail(`${error.message} ${USAGE}`);
  }
}

const { "engines-only": enginesOnly, "one-process": oneProcess, brokers = "1", "data-dir": given } = readArguments();
if (brokers !== "1" && brokers !== "3") fail(`--brokers is 1 or 3, not ${brokers}. ${USAGE}`);
const named = given ?? (process.env.CARILLON_DATA_DIR || DATA_DIR);
// The processes work in directories of their own, where a relative path would be another.
const dataDir = resolve(named);
if (process.env.CARILLON_CONFIG) process.env.CARILLON_CONFIG = resolve(process.env.CARILLON_CONFIG);

const ending = new AbortController();
const ended = new Promise<void>((resolve) => ending.signal.addEventListener("abort", () => resolve()));
onToldToEnd({
  first() {
    say("Stopping …");
    ending.abort(new EngineProblem("Stopped before everything was ready."));
  },
  // Everything ends with this process anyway.
  again: () => process.exit(1),
});

let engines: RunningEngines | undefined;
let services: RunningServices | undefined;
const stop = async () => {
  await services?.stop();
  await engines?.stop();
};
try {
  // All that can be wrong is told before the engines, which take their time and would have to end again.
  const { mode } = settingsIn(process.env);
  const env = { ...process.env, CARILLON_MODE: mode };
  makeDataDir(dataDir);
  checkUnused(join(dataDir, "engines"));
  if (!enginesOnly) await checkFront(env);
  engines = await startEngines({
    ...{ dataDir: join(dataDir, "engines"), brokers: brokers === "3" ? 3 : 1, signal: ending.signal, logger },
    given: givenEngines(process.env),
  });
  const { addresses } = engines;
  const sections = [table([["engine", "address"], ...engineNames.map((name) => [name, shown([addresses[name]].flat())])])];
  let ready = "Engines ready";
  if (!enginesOnly) {
    say("The engines are ready; starting the services …");
    const ports = await portsOf(rememberPorts(join(dataDir, "ports.json")), env);
    services = await startServices({ dataDir, engines: addresses, oneProcess, ports, logger, signal: ending.signal });
    const [http, grpc, legacy] = [ports.http, ports.grpc, ports["legacy-http"]];
    const smtp = mode === "production" ? "" : ` smtp 127.0.0.1:${ports.smtp}`;
    ready = `Carillon ready http://localhost:${http} also http://localhost:${legacy} grpc localhost:${grpc}${smtp} data ${named}`;
  }
  const processes = [...engines.processes, ...(services?.processes ?? [])];
  sections.push(table([["process", "port", "pid"], ...processes.map(({ name, port, pid }) => [name, String(port), String(pid)])]));
  if (services?.firstKeyIn)
    sections.push(`The first API key, an admin's, is in ${services.firstKeyIn}, which only its owner may read. It is shown nowhere else.`);
  process.stdout.write(`${[...sections, ready].join("\n\n")}\n`);
  await ended;
  await stop();
  process.exit(0);
} catch (error) {
  await stop();
  const told = [ConfigProblem, EngineProblem, EnginesMissing].some((told) => error instanceof told);
  fail(told ? (error as Error).message : `The mesh could not be started: ${(error as Error).stack}`);
}

/** Of every process, by the rules that each of them has. Throws ConfigProblem. */
function settingsIn(env: NodeJS.ProcessEnv): ProcessSettings {
  const file = env.CARILLON_CONFIG ? readSettingsFile(env.CARILLON_CONFIG) : undefined;
  // A server may be given without a database: the processes are told one.
  const { CARILLON_MYSQL_URL: mysql } = env;
  return loadConfig(describedModules(), { ...env, ...(mysql && { CARILLON_MYSQL_URL: databaseUrl(mysql) }) }, file).get(
    "process",
  ) as ProcessSettings;
}

/** Without the password that an address may hold. */
function shown(addresses: readonly string[]): string {
  return addresses.map((each) => each.replace(/\/\/([^:@/]*):[^@/]*@/, "//$1:…@")).join(" ");
}
