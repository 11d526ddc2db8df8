/** A mesh to break: Carillon on engines of one's own as `npm run mesh` runs it, which starts again what ends. */
import { startProcess } from "../../deploy/local/engine.ts";
import type { RunningEngines } from "../../deploy/local/engines.ts";
import { plansOf, startServices } from "../../deploy/local/services.ts";
import type { Supervised } from "../../deploy/local/supervised.ts";
import type { InstallationOptions, OwnMesh } from "../engines/own.ts";
import { openSink, type Sink } from "../world/sink.ts";

export interface FaultMesh {
  readonly url: string;
  readonly engines: RunningEngines;
  /** Where the mails go. */
  readonly sink: Sink;
  /** What is said of processes of Carillon's that ended by themselves. */
  readonly ended: readonly string[];
  /** Carillon's own, with the name of their module or modules. */
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
  /** Of an engine's process, or of one of Carillon's, by the name of its module. */
  pidOf(name: string): number;
  /** One more process that runs the module, at another port; nobody starts it again. */
  join(module: string): Promise<Supervised>;
  stop(): Promise<void>;
}

/** Aborted by nobody: a test that times out fails, and its mesh ends with the tests' process. */
const { signal } = new AbortController();

export async function startFaultMesh(own: OwnMesh, { oneProcess }: Pick<InstallationOptions, "oneProcess">): Promise<FaultMesh> {
  const ended: string[] = [];
  const sink = await openSink();
  /** What is to be stopped, the last first. */
  const begun: { stop(): Promise<void> }[] = [{ stop: () => sink.close() }];
  const stop = async () => {
    for (let last = begun.pop(); last; last = begun.pop()) await last.stop();
  };
  try {
    const env = { CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_RATE: "none", CARILLON_EMAIL_SMTP_PORT: String(sink.port) };
    const settings = await own.install({ oneProcess, env });
    const logger = { info: () => {}, warn: (sentence: string) => void ended.push(sentence) };
    const services = await startServices({ ...settings, logger, signal });
    begun.push(services);
    let joined = 0;
    return {
      ...{ url: `http://127.0.0.1:${settings.ports.http}`, engines: own.engines, sink, ended, stop },
      get processes() {
        return services.processes;
      },
      pidOf(name) {
        const found = [...own.engines.processes, ...services.processes].find((each) => each.name.split("+").includes(name));
        if (!found) throw new Error(`there is no process ${name}`);
        return found.pid;
      },
      async join(module) {
        const number = ++joined;
        const ports = { ...settings.ports, [module]: await own.ports.take(`joined-${number}`) };
        const plan = plansOf({ ...settings, oneProcess: false, ports }).find(({ name }) => name === module);
        if (!plan) throw new Error(`${module} does not run alone`);
        const running = await startProcess({ ...plan, name: `${module}-joined-${number}` }, signal);
        begun.push(running);
        return running;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
