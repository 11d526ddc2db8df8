/** What ingest takes in, and what the whole pipeline carries to a null provider, with the processor time of each process a notification. */
import type { OwnMesh } from "../../engines/own.ts";
import { run } from "../load.ts";
import { batchOf, quiet, tracked } from "../rates.ts";
import { cpuUsOf, type Processes, startProcesses } from "./processes.ts";

const TAKEN = 60_000;
const CARRIED = 20_000;
const WARM_UP = 4_000;
const BATCH = 100;
/** As in production; in development ingest writes JSON, which a person can read. */
const env = { ...quiet, CARILLON_RAW_TOPIC_FORMAT: "protobuf" };
/** Each connection has its own hundred people. */
const CONNECTIONS = 10;

export interface Throughput {
  readonly perSecond: number;
  /** Microseconds of processor time a notification, by process. */
  readonly us: ReadonlyMap<string, number>;
  /** The same for all engines together. */
  readonly enginesUs: number;
  /** Of what was looked up in a cache, how much was there; NaN: nothing was. */
  readonly hitRate: number;
}

/** Ingest alone, each batch acknowledged when Kafka has it. */
export async function intake(own: OwnMesh): Promise<Throughput> {
  const processes = await startProcesses(own, { oneProcess: false, only: "ingest", env });
  return measured(own, processes, TAKEN, async (count) => send(processes.url, count));
}

/** From the first request to the last event that the tracker has taken in. */
export async function pipeline(own: OwnMesh, oneProcess: boolean): Promise<Throughput> {
  const processes = await startProcesses(own, { oneProcess, env });
  let sent = 0;
  return measured(own, processes, CARRIED, async (count) => {
    await send(processes.url, count);
    sent += count;
    await tracked(processes.trackerUrl, sent);
  });
}

async function measured(own: OwnMesh, processes: Processes, count: number, work: (count: number) => Promise<void>): Promise<Throughput> {
  try {
    await work(WARM_UP);
    const before = { us: processes.cpuUs(), enginesUs: enginesUs(own), ms: performance.now() };
    await work(count);
    const perSecond = count / ((performance.now() - before.ms) / 1_000);
    return {
      perSecond,
      us: new Map([...processes.cpuUs()].map(([name, us]) => [name, (us - (before.us.get(name) ?? 0)) / count])),
      enginesUs: (enginesUs(own) - before.enginesUs) / count,
      hitRate: hitRate(await processes.metrics()),
    };
  } finally {
    await processes.stop();
  }
}

async function send(url: string, count: number): Promise<void> {
  const load = { port: Number(new URL(url).port), path: "/carillon.ingest.v1.IngestService/SendBatch", contentType: "application/proto" };
  const requests = count / BATCH / CONNECTIONS;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, each) => run({ ...load, body: batchOf(BATCH, each * BATCH), connections: 1, requests })),
  );
}

const enginesUs = ({ engines }: OwnMesh): number => engines.processes.reduce((sum, { pid }) => sum + cpuUsOf(pid), 0);

function hitRate(metrics: string): number {
  const lookups = [...metrics.matchAll(/^carillon_cache_lookups_total\{[^}]*answer="(\w+)"[^}]*\} (\d+)/gm)];
  const sum = (...answers: string[]) =>
    lookups.reduce((total, [, answer = "", count]) => total + (answers.includes(answer) ? Number(count) : 0), 0);
  return sum("near", "hit") / sum("near", "hit", "miss", "unavailable");
}
