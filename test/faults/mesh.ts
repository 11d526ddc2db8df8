/**
 * A mesh to break: engines of its own, and Carillon on them as `npm run mesh` runs it, which starts again what ends. Nothing of it is left
 * when it is stopped, or when the tests' process is gone.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EnginePlan, startProcess } from "../../deploy/local/engine.ts";
import { type RunningEngines, startEngines } from "../../deploy/local/engines.ts";
import { rememberPorts } from "../../deploy/local/port.ts";
import { plansOf, portsOf, type ServicesSettings, startServices } from "../../deploy/local/services.ts";
import type { Supervised } from "../../deploy/local/supervised.ts";
import { removeAfterwards } from "../engines/remove-after.ts";
import { openSink, type Sink } from "../world/sink.ts";

export interface MeshOptions {
  readonly brokers: 1 | 3;
  /** All modules in one process. */
  readonly oneProcess: boolean;
}

export interface FaultMesh {
  readonly url: string;
  readonly engines: RunningEngines;
  /** Where the mails go. */
  readonly sink: Sink;
  /** How often a process of Carillon's has ended by itself, or would not start. */
  readonly ended: readonly string[];
  /** Of an engine's process, or of one of Carillon's, by the name of its module. */
  pidOf(name: string): number;
  /** One more process that runs the module, at another port; nobody starts it again. */
  join(module: string): Promise<Supervised>;
  stop(): Promise<void>;
}

const FREE = { CARILLON_HTTP_PORT: "0", CARILLON_GRPC_PORT: "0", CARILLON_LEGACY_HTTP_PORT: "0", CARILLON_SMTP_SINK_PORT: "0" };
/** Aborted by nobody: a test that times out fails, and its mesh ends with the tests' process. */
const { signal } = new AbortController();

/** Settings of whoever runs the tests are not the mesh's. */
const withoutSettings = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith("CARILLON_"))
    .map((name) => [name, undefined]),
);

export async function startFaultMesh({ brokers, oneProcess }: MeshOptions): Promise<FaultMesh> {
  const dataDir = mkdtempSync(join(tmpdir(), "carillon-mesh-"));
  removeAfterwards(dataDir);
  const ended: string[] = [];
  const sink = await openSink();
  /** What is to be stopped, the last first. */
  const begun: { stop(): Promise<void> }[] = [{ stop: () => sink.close() }];
  const stop = async () => {
    for (let last = begun.pop(); last; last = begun.pop()) await last.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const engines = await startEngines({ dataDir: join(dataDir, "engines"), brokers, logger: silent });
    begun.push(engines);
    const ports = rememberPorts(join(dataDir, "ports.json"));
    const settings: ServicesSettings = {
      ...{ dataDir, oneProcess, engines: engines.addresses, ports: await portsOf(ports, FREE) },
      env: {
        ...withoutSettings,
        ...{ CARILLON_LOG_LEVEL: "info", CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_SMTP_PORT: String(sink.port) },
      },
    };
    const logger = { info: () => {}, warn: (sentence: string) => void ended.push(sentence) };
    const services = await startServices({ ...settings, logger, signal });
    begun.push(services);
    let joined = 0;
    return {
      ...{ url: `http://127.0.0.1:${settings.ports.http}`, engines, sink, ended, stop },
      pidOf(name) {
        const found = [...engines.processes, ...services.processes].find((each) => each.name.split("+").includes(name));
        if (!found) throw new Error(`there is no process ${name}`);
        return found.pid;
      },
      async join(module) {
        const number = ++joined;
        const port = await ports.take(`joined-${number}`);
        const [plan] = plansOf({ ...settings, oneProcess: false, ports: { ...settings.ports, [module]: port } }).filter(
          ({ name }) => name === module,
        );
        if (!plan) throw new Error(`${module} does not run alone`);
        const running = await startProcess({ ...plan, name: `${module}-${number + 1}` } satisfies EnginePlan, signal);
        begun.push(running);
        return running;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const silent = { info: () => {}, warn: () => {} };
