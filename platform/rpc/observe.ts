/** One log line and one measurement for every request and call. Routes and procedures are named by pattern, never by a caller's own path. */
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { histogram } from "#platform/telemetry/metric.ts";
import type { Door } from "./call.ts";

export interface Observer {
  /** `code` is "ok" or a google.rpc code in lower case. */
  rpc(call: { door: Door; procedure: string; code: string; ms: number; requestId: string; probe?: boolean }): void;
  /** Probes (health, metrics) are logged at debug: they come every few seconds and say nothing. */
  http(request: { method: string; route: string; status: number; ms: number; requestId: string; probe: boolean }): void;
}

const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const callSeconds = histogram({
  name: "carillon_rpc_seconds",
  help: "Time to answer a call.",
  labels: {
    door: "http, grpc, memory (one module calling another)",
    procedure: "the contract's",
    code: "ok, or google.rpc's in lower case",
  },
  buckets,
});
const requestSeconds = histogram({
  name: "carillon_http_seconds",
  help: "Time to answer a request to a route.",
  labels: { method: "HTTP's", route: "the path's pattern; (refused): there is none", status: "HTTP's" },
  buckets,
});

export function createObserver({ logger, metrics }: { logger: Logger; metrics: Registry }): Observer {
  // The server and the calls in memory count into the same one.
  const rpcSeconds = callSeconds.on(metrics);
  const httpSeconds = requestSeconds.on(metrics);
  return {
    rpc({ door, procedure, code, ms, requestId, probe = false }) {
      rpcSeconds.observe({ door, procedure, code }, ms / 1_000);
      const line = { procedure, code, ms: rounded(ms), requestId };
      if (door === "memory" || probe) logger.debug(line, "call");
      else logger.info(line, "request");
    },
    http({ method, route, status, ms, requestId, probe }) {
      httpSeconds.observe({ method, route, status }, ms / 1_000);
      const line = { method, route, status, ms: rounded(ms), requestId };
      if (probe) logger.debug(line, "request");
      else logger.info(line, "request");
    },
  };
}

const rounded = (ms: number) => Math.round(ms * 100) / 100;
