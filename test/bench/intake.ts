/** Ingest alone on its own engines, so that the intake is measured and not what comes behind. Prints its ports, ends on SIGTERM. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectRouter } from "@connectrpc/connect";
import pino from "pino";
import { Registry } from "prom-client";
import { all as topics } from "#domain/topics.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { systemClock as clock } from "#platform/clock.ts";
import type { Given } from "#platform/host.ts";
import { createClients } from "#platform/rpc/memory.ts";
import { serve } from "#platform/rpc/server.ts";
import { noTracer } from "#platform/telemetry/trace.ts";
import { embedded } from "../../services/adapters.ts";
import { ingest } from "../../services/ingest/module.ts";

const dataDir = mkdtempSync(join(tmpdir(), "carillon-bench-"));
const logger = pino({ level: "warn" });
const metrics = new Registry();
const { stores, ...engines } = await embedded({ dataDir, clock, metrics, logger, topics });
const rpc: ((router: ConnectRouter) => void)[] = [];
const client = createClients({ rpc: () => rpc, logger, metrics, clock });
const { log, ledger, fanout } = engines;
const given: Given = { log, ledger, fanout, clock, logger, metrics, worker: "bench", client, tracer: noTracer };
const parts = await ingest.build(
  {
    ...{ mode: "development", "raw-topics": [], "broadcast.destinations": [], "consumer-group-id": "" },
    // Nobody routes what it takes.
    ...{ "ingest.memory-mib": 32, "ingest.most-lag": 0 },
  },
  given,
  stores.ingest,
);
if (parts.rpc) rpc.push(parts.rpc);
const server = await serve({
  ports: [0],
  grpcPort: 0,
  host: "127.0.0.1",
  rpc,
  routes: [],
  sockets: [],
  shedders: parts.shedders ?? [],
  authenticate: () => ({ environment: "development", internal: false, scopes: [Scope.ADMIN] }),
  ready: () => ({ ok: true, why: [] }),
  developmentHosts: true,
  trustProxy: false,
  ...{ logger, metrics, clock },
});
process.stdout.write(`port ${server.ports[0]} grpc ${server.grpcPort}\n`);
process.on("SIGTERM", () => {
  rmSync(dataDir, { recursive: true, force: true });
  process.exit(0);
});
