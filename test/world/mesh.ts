/**
 * A world on the real engines that the tests share, in one process or in one for each module, each run just as `npm run mesh` runs it. What
 * it keeps there is under names of its own; its processes end when the tests' process ends, however that ends.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import type { EngineAddresses } from "../../deploy/local/addresses.ts";
import { type EnginePlan, startProcess } from "../../deploy/local/engine.ts";
import { rememberPorts } from "../../deploy/local/port.ts";
import { plansOf, portsOf, startAll } from "../../deploy/local/services.ts";
import { logOf } from "../../deploy/local/supervised.ts";
import { credentialIn } from "./embedded.ts";
import { forget, nameOf, settingsUnder } from "./names.ts";
import type {} from "./setup.ts";
import type { World, WorldOptions } from "./world.ts";

export interface MeshOptions extends WorldOptions {
  readonly oneProcess: boolean;
}

const FREE = { CARILLON_HTTP_PORT: "0", CARILLON_GRPC_PORT: "0", CARILLON_LEGACY_HTTP_PORT: "0", CARILLON_SMTP_SINK_PORT: "0" };
/** Aborted by nobody: a test that times out fails, and its world ends with the tests' process. */
const { signal } = new AbortController();

export async function startMesh({ env = {}, dataDir: given, under, oneProcess }: MeshOptions): Promise<World> {
  if (under) throw new Error("a mesh is not run under another command");
  const engines = inject("engines");
  const { folder, run } = inject("worlds");
  const dataDir = given ?? mkdtempSync(join(folder, "world-"));
  const name = nameOf(run, dataDir);
  const ports = await portsOf(rememberPorts(join(dataDir, "ports.json")), { ...FREE, ...env });
  const plans = plansOf({
    ...{ dataDir, oneProcess, ports, engines: { ...engines, mysql: `${engines.mysql}/${name}` } },
    env: { ...withoutSettings(), ...settingsUnder(name), ...env },
  });
  const [front] = plans as [EnginePlan];
  const running = await startAll(plans, signal);
  const credential = credentialIn(plans.map((plan) => readFileSync(logOf(plan), "utf8")).join(""));
  const alive = new Set(plans.map((plan) => plan.name));
  const watch = (which: string) => void running.get(which)?.ended.then(() => alive.delete(which));
  for (const which of alive) watch(which);
  const output = () => outputIn(front.dir);

  const endThose = async (which: readonly string[], by: NodeJS.Signals): Promise<number | null> => {
    const ending = which.map((each) => running.get(each)).filter((each) => each !== undefined);
    for (const { pid } of ending) tell(pid, by);
    const codes = await Promise.all(ending.map(async ({ ended }) => exitCodeIn(await ended)));
    const [failed] = codes.filter((code) => code !== 0);
    return failed === undefined ? 0 : failed;
  };
  const world: World = {
    url: `http://localhost:${ports.http}`,
    legacyUrl: `http://localhost:${ports["legacy-http"]}`,
    grpcAddress: `localhost:${ports.grpc}`,
    smtpPort: env.CARILLON_MODE === "production" ? 0 : (ports.smtp as number),
    env: Object.fromEntries(Object.entries(front.env ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined)),
    ...{ dataDir, credential, output },
    get pid() {
      return running.get(front.name)?.pid as number;
    },
    hasEnded: () => alive.size === 0,
    end: (by) => endThose([...alive], by),
    async kill(module, by = "SIGKILL") {
      const runner = plans.find((plan) => oneProcess || plan.name.split("+").includes(module));
      if (!runner) throw new Error(`no process runs ${module}`);
      await endThose([runner.name], by);
    },
    async heal() {
      const missing = plans.filter((plan) => !alive.has(plan.name));
      await Promise.all(
        missing.map(async (plan) => {
          running.set(plan.name, await startProcess(plan, signal));
          alive.add(plan.name);
          watch(plan.name);
        }),
      );
    },
    async stop() {
      if (!world.hasEnded()) await world.end("SIGTERM");
      if (given !== undefined) return;
      await forget(engines as EngineAddresses, name);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return world;
}

/** Settings of whoever runs the tests are not the world's. */
const withoutSettings = (): Record<string, undefined> =>
  Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => name.startsWith("CARILLON_"))
      .map((name) => [name, undefined]),
  );

/** What ended by itself meanwhile needs no telling. */
function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {}
}

const exitCodeIn = (how: string): number | null => {
  const code = /exit code (\d+)/.exec(how)?.[1];
  return code === undefined ? null : Number(code);
};

/** Of every process, also what one said before it was started again. */
const outputIn = (dir: string): string =>
  readdirSync(dir)
    .filter((name) => /\.log(\.before)?$/.test(name))
    .sort()
    .map((name) => readFileSync(join(dir, name), "utf8"))
    .join("");
