/**
 * A mesh to break: Carillon on engines of one's own as `npm run mesh` runs it, which starts again what ends. Its processes know points to die
 * or stand still at, and may reach everything by wires that a test holds.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { startProcess } from "../../deploy/local/engine.ts";
import type { RunningEngines } from "../../deploy/local/engines.ts";
import { plansOf, type ServicesSettings, startServices } from "../../deploy/local/services.ts";
import type { Supervised } from "../../deploy/local/supervised.ts";
import type { OwnMesh } from "../engines/own.ts";
import { type TcpProxy, tcpProxy } from "../fakes/tcp-proxy.ts";
import { openSink, type Sink, type Taken } from "../world/sink.ts";
import type { Failpoint } from "./inside/points.ts";

export interface MeshForm {
  /** All modules in one process. */
  readonly oneProcess: boolean;
  /** Whether everything goes by wires. */
  readonly wired?: boolean;
}

/** What a process has a wire to. */
export type Far = "kafka" | "mysql" | "ledger" | "cache" | "cassandra" | "provider";

export interface FaultMesh {
  readonly url: string;
  readonly engines: RunningEngines;
  /** Stands before the names of its topics and, with the dot, of its groups. */
  readonly prefix: string;
  /** Where the mails go. */
  readonly sink: Sink;
  /** All that were taken, in order. */
  readonly mails: readonly (Taken & { readonly atMs: number })[];
  /** What is said of processes of Carillon's that ended by themselves. */
  readonly ended: string[];
  /** Carillon's own, with the name of their module or modules; those that joined too. */
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
  /** Of an engine's process, or of one of Carillon's, by the name of its module. */
  pidOf(name: string): number;
  /** One more process that runs the module, at another port; nobody starts it again. */
  join(module: string): Promise<Supervised>;
  /** Of a mesh that is wired; to Kafka the one to its first broker. */
  wire(to: Far): TcpProxy;
  /** Resolves when a process has come to the point, where it dies or stands still. */
  reach(failpoint: Failpoint): Promise<void>;
  stop(): Promise<void>;
}

/** Aborted by nobody: a test that times out fails, and its mesh ends with the tests' process. */
const { signal } = new AbortController();
const failpoints = new URL("./inside/failpoints.ts", import.meta.url);
const wiredBy = new URL("./inside/wired.ts", import.meta.url);
const PATIENCE = { timeout: 60_000, interval: 20 };

export async function startFaultMesh(own: OwnMesh, { oneProcess, wired = false }: MeshForm): Promise<FaultMesh> {
  const ended: string[] = [];
  const mails: (Taken & { atMs: number })[] = [];
  const sink = await openSink(0, (mail) => mails.push({ ...mail, atMs: Date.now() }));
  /** What is to be stopped, the last first. */
  const begun: { stop(): Promise<void> }[] = [{ stop: () => sink.close() }];
  const stop = async () => {
    for (let last = begun.pop(); last; last = begun.pop()) await last.stop();
  };
  try {
    const wires = wired ? await openWires(own.engines, sink) : new Map<Far, TcpProxy>();
    for (const wire of wires.values()) begun.push({ stop: () => wire.close() });
    const failpointFile = join(mkdtempSync(join(own.folder, "failpoint-")), "failpoint.json");
    const env = {
      ...{ CARILLON_EMAIL_SMTP_HOST: "127.0.0.1", CARILLON_EMAIL_RATE: "none", CARILLON_EMAIL_SMTP_PORT: String(sink.port) },
      // One more try, after five seconds: so a test need not wait eleven minutes for a mail to die.
      CARILLON_MAX_RETRY_COUNT: "1",
      NODE_OPTIONS: [failpoints, ...(wired ? [wiredBy] : [])].map((url) => `--import=${url}`).join(" "),
      TEST_FAILPOINT_FILE: failpointFile,
      TEST_WIRES: JSON.stringify(Object.fromEntries([...wires].map(([far, { port }]) => [portsTo(own.engines, sink)[far], port]))),
    };
    const settings: ServicesSettings = await own.install({ oneProcess, env });
    const logger = { info: () => {}, warn: (sentence: string) => void ended.push(sentence) };
    const services = await startServices({ ...settings, logger, signal });
    begun.push(services);
    const joined: Supervised[] = [];
    let numbers = 0;
    return {
      ...{ url: `http://127.0.0.1:${settings.ports.http}`, engines: own.engines, sink, mails, ended, stop },
      prefix: settings.env?.CARILLON_CONSUMER_GROUP_ID as string,
      get processes() {
        return [...services.processes, ...joined];
      },
      pidOf(name) {
        const found = [...own.engines.processes, ...services.processes].find((each) => each.name.split("+").includes(name));
        if (!found) throw new Error(`there is no process ${name}`);
        return found.pid;
      },
      async join(module) {
        const number = ++numbers;
        const ports = { ...settings.ports, [module]: await own.ports.take(`joined-${number}`) };
        const plan = plansOf({ ...settings, oneProcess: false, ports }).find(({ name }) => name === module);
        if (!plan) throw new Error(`${module} does not run alone`);
        const running = await startProcess({ ...plan, name: `${module}-joined-${number}` }, signal);
        joined.push(running);
        begun.push(running);
        void running.ended.then(() => joined.splice(joined.indexOf(running), 1));
        return running;
      },
      wire(to) {
        const wire = wires.get(to);
        if (!wire) throw new Error(`this mesh has no wire to ${to}`);
        return wire;
      },
      async reach(failpoint) {
        writeFileSync(failpointFile, JSON.stringify(failpoint));
        try {
          await expect.poll(() => existsSync(failpointFile), PATIENCE).toBe(false);
        } finally {
          rmSync(failpointFile, { force: true });
        }
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openWires(engines: RunningEngines, sink: Sink): Promise<Map<Far, TcpProxy>> {
  const wires = new Map<Far, TcpProxy>();
  for (const [far, port] of Object.entries(portsTo(engines, sink))) wires.set(far as Far, await tcpProxy({ host: "127.0.0.1", port }));
  return wires;
}

function portsTo({ addresses }: RunningEngines, sink: Sink): Record<Far, number> {
  const portOf = (address = "") => Number(new URL(address.includes("://") ? address : `tcp://${address}`).port);
  return {
    kafka: portOf(addresses.kafka[0]),
    mysql: portOf(addresses.mysql),
    ledger: portOf(addresses.redisLedger),
    cache: portOf(addresses.redisCache),
    cassandra: portOf(addresses.cassandra),
    provider: sink.port,
  };
}
