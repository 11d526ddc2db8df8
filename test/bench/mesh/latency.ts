/**
 * How long things take at 100 notifications a second, each to one of 50 people by web and email: the answer of the API, from there the frame
 * in the person's browser, and the SMTP server's acceptance of the mail.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import type { OwnMesh } from "../../engines/own.ts";
import { clientsOf } from "../../world/clients.ts";
import { openSink } from "../../world/sink.ts";
import { listen } from "../push.ts";
import { quantile } from "../table.ts";
import { type Processes, startProcesses } from "./processes.ts";

const PEOPLE = 50;
const EVERY_MS = 10;
const SENDS = 3_000;
/** A minute, in which engines and processes are compiled. */
const WARM_UP = 6_000;
const PATIENCE_MS = 30_000;

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

export interface Latency {
  readonly answer: Quantiles;
  readonly browser: Quantiles;
  readonly mail: Quantiles;
}

/** `afterwards` has the same processes, when all is delivered. */
export async function latency(
  own: OwnMesh,
  oneProcess: boolean,
  afterwards: (processes: Processes) => Promise<void> = async () => {},
): Promise<Latency> {
  const mailed = new Map<string, number>();
  const sink = await openSink(0, () => {
    const title = /^subject: (\d+)/im.exec(sink.mails.at(-1) ?? "")?.[1] ?? "";
    mailed.set(title, mailed.get(title) ?? performance.now());
  });
  const env = {
    CARILLON_LOG_LEVEL: "warn",
    CARILLON_EMAIL_SMTP_HOST: "127.0.0.1",
    CARILLON_EMAIL_RATE: "none",
    CARILLON_EMAIL_SMTP_PORT: String(sink.port),
  };
  const processes = await startProcesses(own, { oneProcess, env });
  try {
    const measured = await measure(processes, mailed);
    await afterwards(processes);
    return measured;
  } finally {
    await processes.stop();
    await sink.close();
  }
}

async function measure(processes: Processes, mailed: ReadonlyMap<string, number>): Promise<Latency> {
  const framed = new Map<string, number>();
  const sockets = await Promise.all(Array.from({ length: PEOPLE }, (_, person) => listen(processes, `reader-${person}`, framed)));
  const { ingest } = clientsOf(processes.url);
  const answered = new Map<string, { readonly tookMs: number; readonly atMs: number }>();
  const send = async (number: number) => {
    const [person, beganMs] = [`reader-${number % PEOPLE}`, performance.now()];
    await ingest.send({
      recipients: [{ userId: person, email: `${person}@example.test` }],
      channels: [Channel.WEB, Channel.EMAIL],
      content: { title: `${number}`, body: "It happened." },
    });
    const atMs = performance.now();
    if (number >= WARM_UP) answered.set(`${number}`, { tookMs: atMs - beganMs, atMs });
  };
  const sending: Promise<void>[] = [];
  const startedMs = performance.now();
  for (let number = 0; number < SENDS + WARM_UP; number++) {
    sending.push(send(number));
    await sleep(Math.max(0, startedMs + (number + 1) * EVERY_MS - performance.now()));
  }
  await Promise.all(sending);
  const isMissing = () => [...answered.keys()].some((title) => !framed.has(title) || !mailed.has(title));
  for (const sinceMs = performance.now(); isMissing() && performance.now() - sinceMs < PATIENCE_MS; ) await sleep(50);
  for (const socket of sockets) socket.close();
  // What arrives before the answer has been read counts as 0; what never arrives, as for ever.
  const after = (arrived: ReadonlyMap<string, number>) =>
    [...answered].map(([title, { atMs }]) => Math.max(0, (arrived.get(title) ?? Number.POSITIVE_INFINITY) - atMs));
  return {
    answer: quantiles([...answered.values()].map(({ tookMs }) => tookMs)),
    browser: quantiles(after(framed)),
    mail: quantiles(after(mailed)),
  };
}

function quantiles(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}
