/** Carillon's processes on engines of the bench's own, and the processor time that each has used, all its threads together. */
import { readFileSync } from "node:fs";
import { plansOf, startAll } from "../../../deploy/local/services.ts";
import type { InstallationOptions, OwnMesh } from "../../engines/own.ts";

export interface Processes {
  readonly url: string;
  /** Of the gateway and of the tracker, which have addresses of their own unless all modules share a process. */
  readonly gatewayUrl: string;
  readonly trackerUrl: string;
  /** Processor time so far by process, microseconds. */
  cpuUs(): Map<string, number>;
  /** Of all processes. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

/** USER_HZ, which is 100 on every Linux. */
const US_A_TICK = 10_000;

export interface ProcessesOptions extends InstallationOptions {
  /** The process with this module alone. */
  readonly only?: string;
}

export async function startProcesses(own: OwnMesh, { only, ...options }: ProcessesOptions): Promise<Processes> {
  const settings = await own.install(options);
  const plans = plansOf(settings).filter(({ name }) => only === undefined || name.split("+").includes(only));
  const running = await startAll(plans, new AbortController().signal);
  const { ports, oneProcess } = settings;
  const urlOf = (name: string) => `http://127.0.0.1:${oneProcess ? ports.http : ports[name]}`;
  return {
    ...{ url: urlOf("http"), gatewayUrl: urlOf("gateway"), trackerUrl: urlOf("tracker") },
    cpuUs: () => new Map([...running].map(([name, { pid }]) => [name, cpuUsOf(pid)])),
    async metrics() {
      const texts = await Promise.all(plans.map(async ({ port }) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()));
      return texts.join("");
    },
    async stop() {
      await Promise.all([...running.values()].map((each) => each.stop()));
    },
  };
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime and stime are fields 14 and 15; the name, field 2, may hold blanks. */
export function cpuUsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * US_A_TICK;
}
