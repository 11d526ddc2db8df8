/**
 * What one noisy tenant does to another's sends: the times of the quiet one, which sends 20 a second, alone and beside each kind of noise.
 * Both are of one environment. `npm run bench -- noisy`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { SendBatchRequestSchema, SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { startWorld } from "../world/world.ts";
import { withServer } from "./children.ts";
import { one, portOf, quiet } from "./rates.ts";
import { type Bench, quantile } from "./table.ts";

const ingest = "/carillon.ingest.v1.IngestService";
const QUIET_EVERY_MS = 50;
const LASTS_MS = 30_000;
/** Until the noise has reached its full height. */
const LEAD_MS = 3_000;

interface Noise {
  readonly what: string;
  readonly path: string;
  readonly body: Uint8Array;
  readonly connections: number;
}

const noisy = (index: number) => ({ ...one(index), tenant: "noisy" });
const batchOf = (count: number, each = noisy) =>
  toBinary(
    SendBatchRequestSchema,
    create(SendBatchRequestSchema, { notifications: Array.from({ length: count }, (_, index) => create(SendRequestSchema, each(index))) }),
  );
const large = (index: number) => ({
  ...noisy(index),
  content: { title: "Payment confirmed", body: "It has been confirmed. ".repeat(165) },
});

const noises: readonly Noise[] = [
  {
    what: "64 callers of Send",
    path: `${ingest}/Send`,
    body: toBinary(SendRequestSchema, create(SendRequestSchema, noisy(1))),
    connections: 64,
  },
  { what: "16 callers of SendBatch with 100 each", path: `${ingest}/SendBatch`, body: batchOf(100), connections: 16 },
  {
    what: "16 callers of SendBatch with 1,000 in 4 MiB",
    path: `${ingest}/SendBatch`,
    body: batchOf(1_000, large),
    connections: 16,
  },
];

interface Times {
  readonly p50: number;
  readonly p99: number;
  readonly refused: number;
}

/** Sends at its rate whatever becomes of the sends before, and times each from when it should have gone. */
async function quietOne(port: number): Promise<Times> {
  const body = Buffer.from(toBinary(SendRequestSchema, create(SendRequestSchema, { ...one(0), tenant: "quiet" })));
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  let refused = 0;
  const send = async (dueMs: number) => {
    const headers = { "content-type": "application/proto", "connect-protocol-version": "1", "content-length": body.byteLength };
    const call = request({ host: "127.0.0.1", port, path: `${ingest}/Send`, method: "POST", agent, headers });
    call.end(body);
    const [answer] = await once(call, "response");
    answer.resume();
    await once(answer, "end");
    if (answer.statusCode !== 200) refused++;
    times.push(performance.now() - dueMs);
  };
  const startMs = performance.now();
  const sends: Promise<void>[] = [];
  for (let dueMs = startMs; dueMs < startMs + LASTS_MS; dueMs += QUIET_EVERY_MS) {
    await pause(Math.max(0, dueMs - performance.now()));
    sends.push(send(Math.max(dueMs, performance.now())));
  }
  await Promise.all(sends);
  agent.destroy();
  const sorted = times.sort((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), refused };
}

async function beside({ path, body, connections }: Noise, port: number): Promise<{ times: Times; answered: Record<string, number> }> {
  const script = fileURLToPath(new URL("./flood.ts", import.meta.url));
  const args = [script, port, path, connections, LEAD_MS + LASTS_MS].map(String);
  const flood = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    flood.stdin.end(body);
    const printed = flood.stdout.toArray();
    await pause(LEAD_MS);
    const times = await quietOne(port);
    return { times, answered: JSON.parse(Buffer.concat(await printed).toString()) as Record<string, number> };
  } finally {
    flood.kill("SIGTERM");
  }
}

const shown = ({ p50, p99, refused }: Times) =>
  `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms${refused > 0 ? `, ${refused} refused` : ""}`;
const perSecond = (count = 0) => Math.round(count / ((LEAD_MS + LASTS_MS) / 1_000)).toLocaleString("en");

async function measure(where: string, port: number, note: Parameters<Bench["rows"]>[0]): Promise<void> {
  await quietOne(port);
  const alone = await quietOne(port);
  note({ what: `${where}: the quiet one alone`, measured: shown(alone), asked: "", goal: "" });
  for (const noise of noises) {
    const { times, answered } = await beside(noise, port);
    const counts = `${perSecond(answered["200"])} calls a second taken, ${perSecond(answered["429"])} refused`;
    note({
      what: `${where}: beside ${noise.what} (${counts})`,
      measured: `${shown(times)} = ${(times.p99 / alone.p99).toFixed(1)}x`,
      asked: "",
      goal: "2x",
    });
  }
}

export const bench: Bench = {
  title: "One noisy tenant beside a quiet one",
  command: "npm run bench -- noisy --write",
  conditions:
    "The quiet one sends 20 a second for 30 s, the noisy one as much as it can, again at once whenever it is refused. Server, noise and the quiet one share the cores: the quiet one's times hold what the noise takes of the machine itself.",
  async rows(note) {
    await withServer(new URL("./intake.ts", import.meta.url), (port) => measure("ingest alone", port, note));
    const world = await startWorld({ env: quiet });
    try {
      await measure("everything in one process", portOf(world), note);
    } finally {
      await world.stop();
    }
  },
};
