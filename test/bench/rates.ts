/** How many a second: unary beside a peer, batches, the whole pipeline. Each server is a process of its own, the load is this one. */
import { create, toBinary } from "@bufbuild/protobuf";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { SendBatchRequestSchema, SendRequestSchema } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import { startWorld, type World } from "../world/world.ts";
import { withServer } from "./children.ts";
import { runGrpc } from "./load.grpc.ts";
import { run } from "./load.ts";

const ingest = "/carillon.ingest.v1.IngestService";
const contentType = "application/proto";
export const quiet = { CARILLON_EMAIL_PROVIDER: "null", CARILLON_LOG_LEVEL: "warn" };

export const one = (person: number) => ({
  recipients: [{ userId: `person-${person}`, email: `person-${person}@example.test` }],
  eventType: "order.paid",
  channels: [Channel.EMAIL],
  content: { title: "Payment confirmed", body: "Your payment of 99.99 has been confirmed. ".repeat(6) },
});
const unary = toBinary(SendRequestSchema, create(SendRequestSchema, one(1)));
export const batchOf = (count: number, from = 0) =>
  toBinary(
    SendBatchRequestSchema,
    create(SendBatchRequestSchema, {
      notifications: Array.from({ length: count }, (_, index) => create(SendRequestSchema, one(from + index))),
    }),
  );

const peerServer = new URL("./peer.ts", import.meta.url);
const intakeServer = new URL("./intake.ts", import.meta.url);
export const portOf = (world: World) => Number(new URL(world.url).port);

/** The better of two rounds: the first warms up. */
export async function unaryRates(): Promise<{ ours: number; peer: number }> {
  const load = { path: `${ingest}/Send`, contentType, body: unary, connections: 64, requests: 20_000 };
  const best = async (port: number) => Math.max(await run({ ...load, port }), await run({ ...load, port }));
  return { peer: await withServer(peerServer, best), ours: await withServer(intakeServer, best) };
}

/** As unaryRates, by gRPC. */
export async function grpcRates(): Promise<{ ours: number; peer: number }> {
  const load = { path: `${ingest}/Send`, message: unary, connections: 4, atOnce: 16, requests: 20_000 };
  const best = async (_: number, port: number) => Math.max(await runGrpc({ ...load, port }), await runGrpc({ ...load, port }));
  return { peer: await withServer(peerServer, best), ours: await withServer(intakeServer, best) };
}

export const batchRate = (): Promise<number> =>
  withServer(intakeServer, async (port) => {
    const load = { port, path: `${ingest}/SendBatch`, contentType, body: batchOf(100), connections: 8 };
    await run({ ...load, requests: 100 });
    return 100 * (await run({ ...load, requests: 600 }));
  });

const PIPELINE = 40_000;
/** Until everything on the way has been compiled. */
const PIPELINE_WARM_UP = 20_000;

/** From the first request to the last delivery that the tracker knows as sent. */
export async function pipelineRate(): Promise<number> {
  const world = await startWorld({ env: quiet });
  try {
    const load = { port: portOf(world), path: `${ingest}/SendBatch`, contentType, body: batchOf(100), connections: 4 };
    await run({ ...load, requests: PIPELINE_WARM_UP / 100 });
    await tracked(world.url, PIPELINE_WARM_UP);
    const startedMs = performance.now();
    await run({ ...load, requests: PIPELINE / 100 });
    await tracked(world.url, PIPELINE_WARM_UP + PIPELINE);
    return PIPELINE / ((performance.now() - startedMs) / 1_000);
  } finally {
    await world.stop();
  }
}

/** Waits until the tracker's stage has taken in all events of so many notifications: asked, decided, sent. */
export async function tracked(url: string, notifications: number): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const lines = [...metrics.matchAll(/^carillon_stage_records_total\{([^}]*)\} (\d+)/gm)];
    const done = lines
      .filter(([, labels]) => /stage="tracker".*outcome="done"/.test(labels ?? ""))
      .reduce((sum, [, , count]) => sum + Number(count), 0);
    if (done >= notifications * 3) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
